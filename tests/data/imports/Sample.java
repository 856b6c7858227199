/* import no1; */ package com.example.app; // import no2;
import java.util.List;
import static a.B.c; import static a.B.*;
import x . y . *;
@Anno("import no3;") class A { String s = """
	import no4;
	"""; }
