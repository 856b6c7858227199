/* head.c - a plugin that is wrong in one thing: -DMAJOR=7, -DNAME='"other"'... */
#include <safekeep/plugin.h>

#ifndef NAME
#define NAME "head"
#endif
#ifndef MAGIC
#define MAGIC SK_PLUGIN_MAGIC
#endif
#ifndef MAJOR
#define MAJOR SK_PLUGIN_ABI_MAJOR
#endif
#ifndef MINOR
#define MINOR SK_PLUGIN_ABI_MINOR
#endif
#ifndef SIZE
#define SIZE sizeof(struct sk_plugin)
#endif
#ifndef SPACE
#define SPACE NULL
#endif
#ifndef COMMAND
#define COMMAND "head"
#endif
#ifndef OPTION
#define OPTION "lines"
#endif
#ifndef SUMMARY
#define SUMMARY "a head"
#endif
#ifndef EVENTS
#define EVENTS 0
#endif

static int run(struct skp_host *host, const struct skp_call *call)
{
	(void)call;
	host->print(host, "head\n");
	return 0;
}

static const char *const usage[] = { "", NULL };
static const struct skp_option options[] = { { 'l', OPTION, "N", "how many" },
	                                     { 0, NULL, NULL, NULL } };
static const struct skp_command commands[] = { { COMMAND, run, SKP_NEEDS_NOTHING, 0, SUMMARY, usage,
	                                         options, NULL, NULL },
	                                       { NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL } };

const struct sk_plugin safekeep_plugin = { MAGIC, MAJOR,    MINOR, (uint32_t)SIZE, 0,      NAME,
	                                   "1",   "a head", SPACE, commands,       EVENTS, NULL };
