package a.b
import c.d.E
import f.g.*
import h.I as J
import `in`.x
val s = "import no1" /* import no2 */
