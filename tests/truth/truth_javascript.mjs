// What oxc's parser says the files on stdin import: PATH, KIND, SPEC, NAME by tabs; "PATH !" for a
// file that it finds wrong. TRUTH_MODULES: the folder that has node_modules/oxc-parser.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.TRUTH_MODULES}/x.js`);
const { parseSync } = require("oxc-parser");

function text(node) {
	while (node?.type === "TSAsExpression") node = node.expression;
	if (!node) return null;
	if (node.type === "Literal" && typeof node.value === "string") return node.value;
	if (node.type === "TemplateLiteral" && node.expressions.length === 0) return node.quasis[0].value.cooked;
	return null;
}

function isRequire(callee) {
	if (callee.type === "Identifier") return callee.name === "require";
	return callee.type === "MemberExpression" && callee.object.type === "Identifier" &&
		callee.object.name === "require" && callee.property.name === "resolve" && !callee.computed;
}

function visit(node, found) {
	let spec = null;
	switch (node.type) {
	case "ImportDeclaration":
	case "ExportNamedDeclaration":
	case "ExportAllDeclaration":
	case "ImportExpression":
		spec = text(node.source);
		break;
	case "CallExpression":
		if (isRequire(node.callee)) spec = text(node.arguments[0]);
		break;
	case "TSExternalModuleReference":
		spec = text(node.expression);
		break;
	case "TSImportType":
		spec = text(node.source ?? node.argument?.literal ?? node.argument);
		break;
	}
	if (spec !== null) found.add(spec);
	for (const key in node) {
		const value = node[key];
		if (Array.isArray(value)) {
			for (const item of value) if (item && typeof item.type === "string") visit(item, found);
		} else if (value && typeof value === "object" && typeof value.type === "string") {
			visit(value, found);
		}
	}
}

for (const path of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
	const found = new Set();
	try {
		const parsed = parseSync(path, readFileSync(path, "utf8"));
		if (parsed.errors.length) throw new Error();
		visit(parsed.program, found);
	} catch {
		console.log(`${path}\t!`);
		continue;
	}
	for (const spec of found)
		if (spec && !/[\t\n\0]/.test(spec)) console.log(`${path}\t1\t${spec}\t`);
}
