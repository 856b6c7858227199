/* loads.c - does as -DLOADING says while it is loaded; perhaps without the symbol. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <safekeep/plugin.h>

__attribute__((constructor)) static void loading(void)
{
	LOADING;
}

#ifndef NO_SYMBOL
const struct sk_plugin safekeep_plugin = { SK_PLUGIN_HEAD, 0,    "loads", "1", "loads",
	                                   NULL,           NULL, 0,       NULL };
#endif
