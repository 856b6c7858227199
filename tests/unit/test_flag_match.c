/* Where code speaks of a flag: casings, boundaries, names of one word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../plugins/feature-flag/ini.c"
#include "../../plugins/feature-flag/value.c"
#include "../../plugins/feature-flag/match.c"

struct hits {
	size_t n, flag[8];
};

static void hit(void *ctx, size_t flag, size_t at, size_t len)
{
	struct hits *h = ctx;

	(void)at;
	assert_true(len > 0);
	if (h->n < 8)
		h->flag[h->n] = flag;
	h->n++;
}

static size_t count(const struct flag *flag, size_t n, const char *text)
{
	struct hits h = { 0 };
	/* no byte behind the text may be looked at */
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);

	memcpy(copy, text, len);
	matcher_find(matcher_new(flag, n), copy, len, hit, &h);
	free(copy);
	return h.n;
}

static void casings_and_boundaries(void **unused)
{
	static char name[] = "new-payment", env[] = "ENABLE_PAY";
	static const struct flag flag = { .name = name, .env = env };
	static const struct {
		const char *text;
		size_t n;
	} table[] = {
		{ "newPayment", 1 },
		{ "NewPayment()", 1 },
		{ "new_payment", 1 },
		{ "x.NEW_PAYMENT;", 1 },
		{ "\"new-payment\"", 1 },
		{ "flags.new.payment = 1", 1 },
		{ "FLAG_NEW_PAYMENT", 1 },
		{ "getenv(\"ENABLE_PAY\")", 1 },
		{ "--new-payment", 1 },
		{ "new_payment new_payment", 2 },
		{ "xnew_payment", 0 },
		{ "new_payments", 0 },
		{ "new_payment_v2", 0 },
		{ "new-payment-v2", 0 },
		{ "brand-new-payment", 0 },
		{ "new.payment.v2", 0 },
		{ "It is new.payment.", 1 },
		{ "new-payment-", 1 },
		{ "new payment", 0 },
		{ "newpayment", 0 },
		{ "MY_ENABLE_PAY", 0 },
		{ "new-", 0 },
		{ "new", 0 },
		{ "", 0 },
		{ "\xc3\xbcnew_payment\xc3\xbc", 1 },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (count(&flag, 1, table[i].text) != table[i].n)
			print_message("%s\n", table[i].text);
		assert_int_equal(count(&flag, 1, table[i].text), table[i].n);
	}
}

static void one_word_says_little(void **unused)
{
	static char name[] = "search", env[] = "SEARCH";
	static const struct flag flag = { .name = name, .env = env };
	static const char *const yes[] = {
		"FEATURES[\"search\"]", "'search'",           "`search`", "features.search",
		"my_flags.search",      "getenv(\"SEARCH\")", "$SEARCH",  "${SEARCH:-}",
		"process.env.SEARCH",   "FLAG_SEARCH"
	};
	static const char *const no[] = { "search",        "re.search(x)", "\"search engine\"",
		                          "SEARCH = 1",    "\"search'",    "Search",
		                          "engine.search", "{search}" };

	(void)unused;
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		assert_int_equal(count(&flag, 1, yes[i]), 1);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		assert_int_equal(count(&flag, 1, no[i]), 0);
}

static void words_of_others_are_theirs(void **unused)
{
	static char old[] = "new-payment", now[] = "newPayment", env[] = "NEW_PAYMENT",
	            other[] = "PAY_OLD";
	static const struct flag gone = { .name = old, .env = other },
	                         stays = { .name = now, .env = env };
	struct matcher *m = matcher_new(&gone, 1);
	const char text[] = "newPayment new_payment PAY_OLD";
	struct hits h = { 0 };

	(void)unused;
	matcher_yield(m, &stays, 1);
	matcher_find(m, text, strlen(text), hit, &h);
	assert_int_equal(h.n, 1);
	assert_string_equal(matcher_words(m)[0], "PAY_OLD");
	assert_null(matcher_words(m)[1]);
}

static void many_flags_in_one_pass(void **unused)
{
	struct flag *flag = fl_alloc(3000, sizeof *flag);
	struct hits h = { 0 };
	const char text[] = "flag-number-7 flagNumber2999 FLAG_NUMBER_3000";

	(void)unused;
	for (int i = 0; i < 3000; i++)
		flag[i].name = fl_format("flag-number%d", i);
	flag[7].name = fl_format("flag-number-7");
	matcher_find(matcher_new(flag, 3000), text, strlen(text), hit, &h);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.flag[0], 7);
	assert_int_equal(h.flag[1], 2999);
}

/* The plugin gives its memory back by ending (ini.h). */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(casings_and_boundaries),
		cmocka_unit_test(one_word_says_little),
		cmocka_unit_test(words_of_others_are_theirs),
		cmocka_unit_test(many_flags_in_one_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
