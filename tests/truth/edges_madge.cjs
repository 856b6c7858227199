// edges_madge.cjs NODE_MODULES DIR: the edges that madge 8 sees in DIR, "FROM\tTO" a line, to compare
// with truth_edges.  DIR must not lie below a folder named node_modules: madge skips what does.
const [, , modules, dir] = process.argv;
const fs = require('fs');
const madge = require(modules + '/madge');
const ts = { mixedImports: true, skipTypeImports: false };
madge(dir, {
  baseDir: dir,
  fileExtensions: ['ts', 'tsx', 'js', 'mjs', 'cjs', 'json'],
  detectiveOptions: { es6: { mixedImports: true }, ts, tsx: ts },
  tsConfig: fs.existsSync(dir + '/tsconfig.json') ? dir + '/tsconfig.json' : undefined,
}).then((r) => {
  const all = r.obj();
  for (const from in all) for (const to of all[from]) console.log(from + '\t' + to);
});
