import com.sun.source.tree.*;
import com.sun.source.util.JavacTask;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import javax.tools.*;

/** What javac's parser says the files on stdin import: PATH, KIND, SPEC, NAME by tabs; "PATH !" for a
 * file that it cannot parse. */
public class Truth {
	public static void main(String[] args) throws Exception {
		JavaCompiler javac = ToolProvider.getSystemJavaCompiler();
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, "UTF-8");
		StandardJavaFileManager files = javac.getStandardFileManager(null, null, StandardCharsets.UTF_8);
		for (String path; (path = in.readLine()) != null;) {
			DiagnosticCollector<JavaFileObject> problems = new DiagnosticCollector<>();
			JavacTask task = (JavacTask) javac.getTask(Writer.nullWriter(), files, problems,
				List.of("--enable-preview", "--release", "17"), null, files.getJavaFileObjects(Path.of(path)));
			List<String> rows = new ArrayList<>();
			try {
				for (CompilationUnitTree unit : task.parse()) {
					for (ImportTree tree : unit.getImports()) {
						String name = tree.getQualifiedIdentifier().toString();
						if (tree.isStatic())
							rows.add("6\t" + name + "\t");
						else if (name.endsWith(".*"))
							rows.add("2\t" + name.substring(0, name.length() - 2) + "\t*");
						else
							rows.add("1\t" + name + "\t");
					}
					if (unit.getPackageName() != null)
						rows.add("8\t" + unit.getPackageName() + "\t");
				}
			} catch (RuntimeException e) {
				rows.clear();
				rows.add("!");
			}
			for (Diagnostic<?> d : problems.getDiagnostics())
				if (d.getKind() == Diagnostic.Kind.ERROR) {
					rows.clear();
					rows.add("!");
					break;
				}
			for (String row : rows)
				out.println(path + "\t" + row);
		}
		out.flush();
	}
}
