#include <stdio.h>
# include "a/b.h" // #include "no1.h"
/* #include "no2.h"
#include "no3.h" */
  #  /* c */ include /* d */ "odd.h"
#if 0
don't
#include "in-if-0.h"
#endif
const char *s = "\
#include \"no4.h\"";
#include MACRO(x)
#include_next <next.h>
#import "objc.h"
#define inc "no5.h"
