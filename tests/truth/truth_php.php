<?php
// What PHP's own scanner says the files on stdin use: PATH, KIND, SPEC, NAME by tabs; "PATH !" for a
// file that it cannot scan.  `use` in a class counts: the file needs that trait.

function names(array $t, int $i, array &$rows): void
{
	// one `use` statement: NAME [as X], NAME\{A, B as C}
	$prefix = '';
	$name = '';
	$skip = false;
	for (; $i < count($t); $i++) {
		[$id, $text] = $t[$i];
		if ($id === T_AS) {
			$skip = true;
		} elseif (in_array($id, [T_STRING, T_NAME_QUALIFIED, T_NAME_FULLY_QUALIFIED, T_NS_SEPARATOR], true)
			|| (preg_match('/^[a-z_]\w*$/i', $text) && $id !== T_FUNCTION && $id !== T_CONST)) {
			if (!$skip)
				$name .= $text;
		} elseif ($text === '{') {
			if (substr($name, -1) !== '\\') { // the block of a trait's use
				if ($name !== '')
					$rows[] = "1\t$name\t";
				return;
			}
			$prefix = $name;
			$name = '';
		} elseif ($text === ',' || $text === ';' || $text === '}') {
			if ($name !== '')
				$rows[] = "1\t$prefix$name\t";
			$name = '';
			$skip = false;
			if ($text === ';')
				return;
		}
	}
}

/** The path of `require EXPR;` when it is a literal, perhaps below __DIR__. */
function path(array $t, int $i): ?array
{
	$text = '';
	for ($depth = 0; $i < count($t) && $t[$i][1] !== ';' && $t[$i][0] !== T_CLOSE_TAG; $i++)
		$text .= $t[$i][1];
	while (preg_match('/^\((.*)\)$/s', $text, $m))
		$text = $m[1];
	$before = '';
	if (preg_match('/^(?:__DIR__|dirname\(__FILE__\))\.(.*)$/s', $text, $m))
		[$before, $text] = ['.', $m[1]];
	elseif (preg_match('/^(?:dirname\(__DIR__\)|dirname\(dirname\(__FILE__\)\))\.(.*)$/s', $text, $m))
		[$before, $text] = ['..', $m[1]];
	if (preg_match('/^\'([^\'\\\\]+)\'$|^"([^"\\\\$]+)"$/', $text, $m))
		return [$before . (end($m))];
	return null;
}

while (($file = fgets(STDIN)) !== false) {
	$file = rtrim($file, "\n");
	$rows = [];
	try {
		$t = [];
		foreach (token_get_all(file_get_contents($file), TOKEN_PARSE) as $token)
			if (!is_array($token) || !in_array($token[0], [T_WHITESPACE, T_COMMENT, T_DOC_COMMENT], true))
				$t[] = is_array($token) ? $token : [0, $token];
	} catch (Throwable $e) {
		echo "$file\t!\n";
		continue;
	}
	foreach ($t as $i => [$id, $text]) {
		if ($id === T_USE && $t[$i + 1][1] !== '(' && $t[$i - 1][1] !== ')') {
			names($t, $i + 1, $rows);
		} elseif ($id === T_NAMESPACE && in_array($t[$i + 1][0], [T_STRING, T_NAME_QUALIFIED], true)) {
			$rows[] = "8\t{$t[$i + 1][1]}\t";
		} elseif (in_array($id, [T_REQUIRE, T_REQUIRE_ONCE, T_INCLUDE, T_INCLUDE_ONCE], true)) {
			$spec = path($t, $i + 1);
			if ($spec)
				$rows[] = "3\t$spec[0]\t";
		}
	}
	foreach (array_unique($rows) as $row)
		echo "$file\t$row\n";
}
