/* hook.h - what the tools run: `git sk agent hook NAME`, with an event on standard input.
 *
 * Whatever happens, the tool goes on: the answer is always 0, after SK_AGENT_HOOK_S at most, and
 * nothing is on standard output, except when a prompt's state could not be saved: then one JSON
 * object with a "systemMessage", which the tools show to their user. */
#ifndef SK_AGENT_HOOK_H
#define SK_AGENT_HOOK_H

#define SK_AGENT_HOOK_S 25 /* less than the time that the settings give it */

int sk_agent_hook(const char *agent);

#endif
