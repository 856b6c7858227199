#include "base/error.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/term.h"
#include "base/text.h"

static _Thread_local char message[1024];
static int quiet;

static void set_message(const char *fmt, va_list ap)
{
	(void)vsnprintf(message, sizeof message, fmt, ap);
}

int sk_error(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_message(fmt, ap);
	va_end(ap);
	return code;
}

int sk_error_errno(int code, const char *fmt, ...)
{
	int saved = errno;
	char reason[128];
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	set_message(fmt, ap);
	va_end(ap);
	(void)snprintf(reason, sizeof reason, ": %s", strerror(saved));
	reason[2] = (char)tolower((unsigned char)reason[2]);
	len = strlen(message);
	if (len + strlen(reason) >= sizeof message)
		len = sizeof message - strlen(reason) - 1;
	memcpy(message + len, reason, strlen(reason) + 1);
	errno = saved;
	return code;
}

int sk_error_prefix(int code, const char *fmt, ...)
{
	char old[sizeof message];
	size_t len;
	va_list ap;

	memcpy(old, message, sizeof old);
	va_start(ap, fmt);
	set_message(fmt, ap);
	va_end(ap);
	len = strlen(message);
	if (len + 2 >= sizeof message)
		return code;
	memcpy(message + len, ": ", 3);
	len += 2;
	memcpy(message + len, old, sizeof message - len);
	message[sizeof message - 1] = '\0';
	return code;
}

int sk_error_oom(void)
{
	memcpy(message, "out of memory", sizeof "out of memory");
	return SK_EIO;
}

const char *sk_error_message(void)
{
	return message;
}

void sk_error_clear(void)
{
	message[0] = '\0';
}

/* Names are escaped where a line is made of them; what else came from a repository (why a file was
 * skipped, what a command said) must not reach a terminal as it is either. */
static void escaped(const char *prefix, const char *text)
{
	struct sk_buf out = SK_BUF_INIT;

	for (;; text++) {
		size_t n = strcspn(text, "\n");

		(void)sk_add_text(&out, text, n);
		text += n;
		if (!*text)
			break;
		(void)sk_buf_addc(&out, '\n');
	}
	(void)fprintf(stderr, "git sk: %s%s\n", prefix,
	              out.oom ? "out of memory" : sk_buf_str(&out));
	sk_buf_free(&out);
}

static void print_line(const char *prefix, const char *fmt, va_list ap)
{
	char line[2048];

	(void)vsnprintf(line, sizeof line, fmt, ap);
	sk_progress_hide();
	escaped(prefix, line);
}

void sk_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line("", fmt, ap);
	va_end(ap);
}

void sk_warn(const char *fmt, ...)
{
	va_list ap;

	if (quiet)
		return;
	va_start(ap, fmt);
	print_line("warning: ", fmt, ap);
	va_end(ap);
}

void sk_note(const char *fmt, ...)
{
	va_list ap;

	if (quiet)
		return;
	va_start(ap, fmt);
	print_line("", fmt, ap);
	va_end(ap);
}

void sk_set_quiet(int on)
{
	quiet = on;
}

int sk_quiet(void)
{
	return quiet;
}
