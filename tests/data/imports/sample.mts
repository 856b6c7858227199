import a, { b as c, type D } from "./a.js"; // import no from "no1"
import * as ns from './ns'
import "side-effect"
import type { T } from "types";
import type from "not-a-type"
import typeof X from "flow";
import json from "./x.json" with { type: "json" };
export * from "all"; export * as n from "named"; export { q, r as s } from "list"
export type { U } from "t2"
export const no = "from 'no2'", re = /import("no3")/, t = `import("no4") ${a ? `${require("no5")}` : '`'}`;
const l = await import("lazy"), m = require("cjs"), r = require.resolve( /* c */ 'res' );
import eq = require("eq");
type V = typeof import("vt"); type W = import('wt').X<string>;
import(`plain-template`); import(`no6/${x}`); require(name); require("no7" + x);
obj.import("no8"); obj.require("no9"); $require("no10"); /* import "no11" */
import.meta.url; const div = a / b; const s2 = "x" / import("after-div") / 2;
export class K { import(x = "no12") {} } export default "no13"
import {
  multi, // comment }
  line as l2,
} from
  "multi-line"
