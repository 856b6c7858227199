// edges_cruiser.mjs NODE_MODULES DIR: the edges that dependency-cruiser 17 sees in DIR, "FROM\tTO" a
// line, to compare with truth_edges.
const [, , modules, dir] = process.argv;
const { cruise } = await import(modules + '/dependency-cruiser/src/main/index.mjs');
process.chdir(dir);
const r = await cruise(['.'], {
  tsPreCompilationDeps: true,
  moduleSystems: ['es6', 'cjs', 'amd'],
  enhancedResolveOptions: {
    extensions: ['.ts', '.tsx', '.js', '.mjs', '.cjs', '.jsx', '.json', '.d.ts'],
    extensionAlias: { '.js': ['.ts', '.js', '.d.ts'] },
  },
});
for (const m of r.output.modules)
  for (const d of m.dependencies)
    if (!d.couldNotResolve && !d.coreModule && !d.resolved.includes('node_modules'))
      console.log(m.source + '\t' + d.resolved);
