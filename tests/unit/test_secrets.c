/* Secrets: every rule finds its own kind and lets near misses be; values are made here, at run
 * time, so that nothing in the sources looks like one. */
#include "unit/scratch.h"

#include "lint/keywords.h"
#include "lint/secrets.h"

static struct sk_secrets *rules;
static struct sk_secret_list list;

/* Random characters out of a set, the same in every run. */
static const char *some(const char *set, size_t n)
{
	static char ring[8][1200];
	static unsigned next;
	static uint64_t seed = 88172645463325252ull;
	char *out = ring[next++ % 8];

	for (size_t i = 0; i < n; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		out[i] = set[(seed >> 20) % strlen(set)];
		/* nothing in a row: that would be a placeholder */
		if (i && out[i] == out[i - 1])
			i--;
	}
	out[n] = '\0';
	return out;
}

#define AN "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define HEX "0123456789abcdef"
#define LOW "0123456789abcdefghijklmnopqrstuvwxyz"
#define UP "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
#define DIGIT "0123456789"
#define AGE "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"

static char *text_of(const char *fmt, ...) SK_PRINTF(1, 2);
static char *text_of(const char *fmt, ...)
{
	static char ring[4][5000];
	static unsigned next;
	char *out = ring[next++ % 4];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(out, sizeof ring[0], fmt, ap);
	va_end(ap);
	return out;
}

static size_t scan(const char *text)
{
	sk_secret_list_clear(&list);
	if (sk_secrets_scan(rules, text, strlen(text), &list))
		fail_msg("%s", sk_error_message());
	return list.n;
}

static char *pem(const char *kind, const char *eol)
{
	return text_of("-----BEGIN %sPRIVATE"
	               " KEY-----%s%s%s%s%s-----END %sPRIVATE"
	               " KEY-----",
	               kind, eol, some(AN, 64), eol, some(AN, 64), eol, kind);
}

/* One value of each kind. */
static const char *value(const char *rule)
{
#define IS(name) (strcmp(rule, name) == 0)
	if (IS("github-pat"))
		return text_of("%s%s",
		               "gh"
		               "p_",
		               some(AN, 36));
	if (IS("github-fine-grained-pat"))
		return text_of("%s%s_%s",
		               "github"
		               "_pat_",
		               some(AN, 22), some(AN, 59));
	if (IS("github-oauth"))
		return text_of("%s%s",
		               "gh"
		               "o_",
		               some(AN, 36));
	if (IS("github-app-token"))
		return text_of("%s%s",
		               "gh"
		               "s_",
		               some(AN, 36));
	if (IS("github-refresh-token"))
		return text_of("%s%s",
		               "gh"
		               "r_",
		               some(AN, 76));
	if (IS("gitlab-pat"))
		return text_of("%s%s",
		               "gl"
		               "pat-",
		               some(AN "_-", 20));
	if (IS("gitlab-deploy-token"))
		return text_of("%s%s",
		               "gl"
		               "dt-",
		               some(AN, 20));
	if (IS("gitlab-runner-authentication-token"))
		return text_of("%s%s",
		               "gl"
		               "rt-",
		               some(AN, 20));
	if (IS("aws-access-token"))
		return text_of("%s%s",
		               "AK"
		               "IA",
		               some(UP, 16));
	if (IS("gcp-api-key"))
		return text_of("%s%s",
		               "AI"
		               "za",
		               some(AN "_-", 35));
	if (IS("slack-bot-token"))
		return text_of("%s%s-%s-%s",
		               "xo"
		               "xb-",
		               some(DIGIT, 12), some(DIGIT, 12), some(AN, 24));
	if (IS("slack-user-token"))
		return text_of("%s%s-%s-%s-%s",
		               "xo"
		               "xp-",
		               some(DIGIT, 12), some(DIGIT, 12), some(DIGIT, 12), some(HEX, 32));
	if (IS("slack-app-token"))
		return text_of("%s1-%s-%s-%s",
		               "xa"
		               "pp-",
		               some(UP, 11), some(DIGIT, 13), some(HEX, 64));
	if (IS("slack-webhook-url"))
		return text_of("%s/services/T%s/B%s/%s",
		               "hooks."
		               "slack.com",
		               some(UP, 8), some(UP, 10), some(AN, 24));
	if (IS("stripe-access-token"))
		return text_of("%s%s",
		               "sk_"
		               "live_",
		               some(AN, 24));
	if (IS("openai-api-key"))
		return text_of("%s%s%s%s",
		               "sk"
		               "-proj-",
		               some(AN "_-", 74),
		               "T3"
		               "BlbkFJ",
		               some(AN "_", 74));
	if (IS("anthropic-api-key"))
		return text_of("%s%sAA",
		               "sk-"
		               "ant-api03-",
		               some(AN "_-", 93));
	if (IS("anthropic-admin-api-key"))
		return text_of("%s%sAA",
		               "sk-"
		               "ant-admin01-",
		               some(AN "_-", 93));
	if (IS("npm-access-token"))
		return text_of("%s%s",
		               "np"
		               "m_",
		               some(AN, 36));
	if (IS("pypi-upload-token"))
		return text_of("%s%s",
		               "pypi-"
		               "AgEIcHlwaS5vcmc",
		               some(AN "_-", 160));
	if (IS("rubygems-api-token"))
		return text_of("%s%s",
		               "ruby"
		               "gems_",
		               some(HEX, 48));
	if (IS("clojars-api-token"))
		return text_of("%s%s",
		               "CLO"
		               "JARS_",
		               some(LOW, 60));
	if (IS("private-key"))
		return pem("RSA ", "\n");
	if (IS("putty-private-key"))
		return text_of(
		        "%s3: ssh-ed25519\nEncryption: none\nComment: x\nPublic-Lines: 1\n%s\n"
		        "Private-Lines: 1\n%s",
		        "PuTTY-"
		        "User-Key-File-",
		        some(AN, 60), some(AN, 48));
	if (IS("age-secret-key"))
		return text_of("%s%s",
		               "AGE-SECRET-"
		               "KEY-1",
		               some(AGE, 58));
	if (IS("sendgrid-api-token"))
		return text_of("%s%s.%s",
		               "S"
		               "G.",
		               some(AN "_-", 22), some(AN "_", 43));
	if (IS("shopify-access-token"))
		return text_of("%s%s",
		               "shp"
		               "at_",
		               some(HEX, 32));
	if (IS("digitalocean-pat"))
		return text_of("%s%s",
		               "dop"
		               "_v1_",
		               some(HEX, 64));
	if (IS("hashicorp-tf-api-token"))
		return text_of("%s%s%s", some(AN, 14),
		               ".atlas"
		               "v1.",
		               some(AN, 67));
	if (IS("huggingface-access-token"))
		return text_of("%s%s",
		               "h"
		               "f_",
		               some("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 34));
	if (IS("doppler-api-token"))
		return text_of("%s%s",
		               "dp."
		               "pt.",
		               some(AN, 43));
	if (IS("grafana-service-account-token"))
		return text_of("%s%s_%s",
		               "gl"
		               "sa_",
		               some(AN, 32), some(HEX, 8));
	if (IS("linear-api-key"))
		return text_of("%s%s",
		               "lin"
		               "_api_",
		               some(AN, 40));
	if (IS("databricks-api-token"))
		return text_of("%s%s",
		               "da"
		               "pi",
		               some(HEX, 32));
	if (IS("notion-api-token"))
		return text_of("%s%s%s",
		               "nt"
		               "n_",
		               some(DIGIT, 11), some(AN, 35));
	if (IS("planetscale-api-token"))
		return text_of("%s%s",
		               "psc"
		               "ale_tkn_",
		               some(AN, 43));
	if (IS("pulumi-api-token"))
		return text_of("%s%s",
		               "pu"
		               "l-",
		               some(HEX, 40));
	fail_msg("no value for the rule %s: add one", rule);
	return NULL;
}

static const char *const names[] = { "github-pat",
	                             "github-fine-grained-pat",
	                             "github-oauth",
	                             "github-app-token",
	                             "github-refresh-token",
	                             "gitlab-pat",
	                             "gitlab-deploy-token",
	                             "gitlab-runner-authentication-token",
	                             "aws-access-token",
	                             "gcp-api-key",
	                             "slack-bot-token",
	                             "slack-user-token",
	                             "slack-app-token",
	                             "slack-webhook-url",
	                             "stripe-access-token",
	                             "openai-api-key",
	                             "anthropic-api-key",
	                             "anthropic-admin-api-key",
	                             "npm-access-token",
	                             "pypi-upload-token",
	                             "rubygems-api-token",
	                             "clojars-api-token",
	                             "private-key",
	                             "putty-private-key",
	                             "age-secret-key",
	                             "sendgrid-api-token",
	                             "shopify-access-token",
	                             "digitalocean-pat",
	                             "hashicorp-tf-api-token",
	                             "huggingface-access-token",
	                             "doppler-api-token",
	                             "grafana-service-account-token",
	                             "linear-api-key",
	                             "databricks-api-token",
	                             "notion-api-token",
	                             "planetscale-api-token",
	                             "pulumi-api-token" };
enum { N = sizeof names / sizeof names[0] };

static void test_every_rule_is_known_here(void **state)
{
	(void)state;
	assert_int_equal(sk_secrets_count(rules), N);
}

static void test_each_kind_is_found_whole(void **state)
{
	static const char *const around[] = { "%s",
		                              "key = \"%s\"\n",
		                              "export TOKEN=%s\n",
		                              "https://user:%s@example.org/",
		                              "{\"a\":\"%s\"}",
		                              "(%s)",
		                              "- %s\r\n",
		                              "a,%s,b" };
	(void)state;
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < sizeof around / sizeof around[0]; k++)
			for (int again = 0; again < 5; again++) {
				char *text = malloc(6000);
				const char *v = value(names[i]);

				/* a boundary as far as its kind has one */
				(void)snprintf(text, 6000, around[k], v);
				if (scan(text) != 1 || strcmp(list.item[0].rule, names[i]) != 0 ||
				    strncmp(text + list.item[0].offset, v, strlen(v)) != 0)
					fail_msg("%s: %zu found in '%s'", names[i], list.n, text);
				if (strncmp(names[i], "putty", 5) != 0)
					assert_int_equal(list.item[0].len, strlen(v));
				free(text);
			}
}

static void test_a_piece_less_is_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < N; i++) {
		char *v = strdup(value(names[i])), *text;

		/* a key is one as long as it has enough base64 */
		if (strstr(names[i], "private-key") || strcmp(names[i], "doppler-api-token") == 0 ||
		    strcmp(names[i], "github-refresh-token") == 0 ||
		    strcmp(names[i], "pypi-upload-token") == 0 ||
		    strcmp(names[i], "planetscale-api-token") == 0 ||
		    strcmp(names[i], "slack-bot-token") == 0 ||
		    strcmp(names[i], "slack-webhook-url") == 0 ||
		    strcmp(names[i], "slack-app-token") == 0 ||
		    strcmp(names[i], "slack-user-token") == 0 ||
		    strcmp(names[i], "hashicorp-tf-api-token") == 0) {
			free(v);
			continue;
		}
		v[strlen(v) - 1] = '\0';
		text = text_of("x = '%s'", v);
		if (scan(text) != 0)
			fail_msg("%s: found in '%s'", names[i], text);
		free(v);
	}
}

static void test_one_within_a_longer_word_is_none(void **state)
{
	static const char *const word[] = { "github-pat",       "aws-access-token",
		                            "npm-access-token", "databricks-api-token",
		                            "pulumi-api-token", "shopify-access-token" };
	(void)state;
	for (size_t i = 0; i < sizeof word / sizeof word[0]; i++) {
		const char *v = value(word[i]);

		assert_int_equal(scan(text_of("x%s", v)), 0);
		assert_int_equal(scan(text_of("%sx1", v)), 0);
	}
}

static void test_placeholders_are_let_be(void **state)
{
	(void)state;
	assert_int_equal(scan("AK"
	                      "IAIOSFODNN7EXAMPLE"),
	                 0);
	assert_int_equal(scan("gh"
	                      "p_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
	                 0);
	assert_int_equal(scan("gh"
	                      "p_000000000000000000000000000000000000"),
	                 0);
	assert_int_equal(scan("gh"
	                      "p_abcdefghijklmnopqrstuvwxyz0123456789"),
	                 0);
	assert_int_equal(scan("gh"
	                      "p_ababababababababababababababababababab"),
	                 0);
	assert_int_equal(scan("-----BEGIN PRIVATE"
	                      " KEY-----\n...\n-----END PRIVATE"
	                      " KEY-----"),
	                 0);
	assert_int_equal(scan("if (strstr(p, \"-----BEGIN PRIVATE"
	                      " KEY-----\"))"),
	                 0);
	assert_int_equal(scan("-----BEGIN PUBLIC"
	                      " KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n"),
	                 0);
}

static void test_private_keys_in_all_their_shapes(void **state)
{
	static const char *const kind[] = { "", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED " };
	char *text;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(scan(pem(kind[i], "\n")), 1);
		assert_int_equal(list.item[0].len, strlen(pem(kind[i], "\n")));
		assert_int_equal(scan(pem(kind[i], "\r\n")), 1);
		assert_int_equal(scan(pem(kind[i], "\\n")), 1);
		assert_int_equal(scan(pem(kind[i], "\\n\" +\n  \"")), 1);
	}
	text = text_of("-----BEGIN RSA PRIVATE"
	               " KEY-----\nProc-Type: 4,ENCRYPTED\n"
	               "DEK-Info: AES-128-CBC,%s\n\n%s\n%s\n-----END RSA PRIVATE"
	               " KEY-----",
	               some(HEX, 32), some(AN, 64), some(AN, 64));
	assert_int_equal(scan(text), 1);
	assert_int_equal(list.item[0].len, strlen(text));
	text = text_of("-----BEGIN PGP PRIVATE"
	               " KEY BLOCK-----\nVersion: GnuPG v2\n\n%s\n%s\n=%s\n"
	               "-----END PGP PRIVATE"
	               " KEY BLOCK-----",
	               some(AN, 64), some(AN, 64), some(AN, 4));
	assert_int_equal(scan(text), 1);
	assert_int_equal(list.item[0].len, strlen(text));
	/* the end is cut off: all that is there counts */
	text = text_of("-----BEGIN EC PRIVATE"
	               " KEY-----\n%s\n%s\n",
	               some(AN, 64), some(AN, 64));
	assert_int_equal(scan(text), 1);
	assert_int_equal(list.item[0].len, strlen(text));
	/* two are two */
	text = text_of("%s\n%s\n", pem("", "\n"), pem("EC ", "\n"));
	assert_int_equal(scan(text), 2);
}

static void test_inline_allowance(void **state)
{
	struct sk_buf out = SK_BUF_INIT;
	size_t n = 0;
	char *text;

	(void)state;
	text = text_of("a\nkey = \"%s\" # gitleaks:allow\nother = '%s'\n", value("github-pat"),
	               value("npm-access-token"));
	assert_int_equal(scan(text), 1);
	assert_string_equal(list.item[0].rule, "npm-access-token");
	assert_int_equal(list.item[0].line, 3);
	/* what is stored elsewhere is never excused */
	assert_int_equal(sk_secrets_redact(rules, text, strlen(text), &out, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(out.ptr, "a\nkey = \"[REDACTED:github-pat]\" # gitleaks:allow\n"
	                             "other = '[REDACTED:npm-access-token]'\n");
	sk_buf_free(&out);
}

static void test_lines_and_places(void **state)
{
	struct sk_buf text = SK_BUF_INIT;
	size_t at[N];

	(void)state;
	for (size_t i = 0; i < N; i++) {
		(void)sk_buf_addf(&text, "line\n<%zu> ", i);
		at[i] = text.len;
		(void)sk_buf_addf(&text, "%s \n", value(names[i]));
	}
	assert_int_equal(sk_buf_ok(&text), 0);
	assert_int_equal(scan(text.ptr), N);
	for (size_t i = 0; i < N; i++) {
		uint32_t line = 1;

		for (size_t k = 0; k < at[i]; k++)
			line += text.ptr[k] == '\n';
		assert_string_equal(list.item[i].rule, names[i]);
		assert_int_equal(list.item[i].offset, at[i]);
		assert_int_equal(list.item[i].line, line);
	}
	sk_buf_free(&text);
}

static void test_any_bytes(void **state)
{
	struct sk_buf text = SK_BUF_INIT;
	const char *v = value("github-pat");

	(void)state;
	for (int i = 0; i < 256; i++)
		(void)sk_buf_addc(&text, (char)i);
	(void)sk_buf_adds(&text, v);
	for (int i = 0; i < 256; i++)
		(void)sk_buf_addc(&text, (char)i);
	assert_int_equal(sk_buf_ok(&text), 0);
	sk_secret_list_clear(&list);
	assert_int_equal(sk_secrets_scan(rules, text.ptr, text.len, &list), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.item[0].offset, 256);
	sk_secret_list_clear(&list);
	assert_int_equal(sk_secrets_scan(rules, "", 0, &list), 0);
	assert_int_equal(list.n, 0);
	sk_buf_free(&text);
}

/* A keyword in every few bytes costs a bounded attempt each, never the rest of the file. */
static void test_hostile_text_ends(void **state)
{
	static const char *const piece[] = { "-----BEGIN PRIVATE"
		                             " KEY-----",
		                             "-----BEGIN PRIVATE"
		                             " KEY----- " AN AN " -----END ",
		                             "T3"
		                             "BlbkFJ",
		                             "pypi-"
		                             "AgEIcHlwaS5vcmc",
		                             "PuTTY-"
		                             "User-Key-File-3: \n",
		                             ".atlas"
		                             "v1." };
	(void)state;
	for (size_t i = 0; i < sizeof piece / sizeof piece[0]; i++) {
		struct sk_buf text = SK_BUF_INIT;

		while (text.len < 1u << 20)
			(void)sk_buf_adds(&text, piece[i]);
		sk_secret_list_clear(&list);
		assert_int_equal(sk_secrets_scan(rules, text.ptr, text.len, &list), 0);
		sk_buf_free(&text);
	}
}

static int count(void *ctx, size_t word, size_t start)
{
	size_t *n = ctx;

	(void)start;
	n[word]++;
	return 0;
}

/* Against the plain way, at random over a small alphabet. */
static void test_keywords_at_random(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct sk_strv words = SK_STRV_INIT;
		struct sk_keywords *k = NULL;
		size_t got[12] = { 0 };
		const char *text = some("abcd", 900);

		for (size_t i = 0; i < 12; i++)
			assert_int_equal(sk_strv_add(&words, some("abcd", 1 + i % 5)), 0);
		assert_int_equal(sk_keywords_new(&words, &k), 0);
		assert_int_equal(sk_keywords_scan(k, text, 900, count, got), 0);
		for (size_t i = 0; i < 12; i++) {
			size_t want = 0, len = strlen(words.item[i]);

			for (size_t at = 0; at + len <= 900; at++)
				want += memcmp(text + at, words.item[i], len) == 0;
			assert_int_equal(got[i], want);
		}
		sk_keywords_free(k);
		sk_strv_free(&words);
	}
}

static void own_rules(const char *text)
{
	FILE *f;

	(void)sh("mkdir -p '%s/safekeep/secrets'", scratch);
	f = fopen("safekeep/secrets/own.ini", "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_fails_closed(void **state)
{
	static const struct {
		const char *text, *words;
	} bad[] = {
		{ "[rule \"a\"]\ntitle = A\nkeywords = aa\npattern = a(\n", "own.ini:4" },
		{ "[rule \"a\"]\ntitle = A\npattern = aa\n", "keyword" },
		{ "[rule \"a\"]\nkeywords = aa\npattern = aa\n", "title" },
		{ "[rule \"a\"]\ntitle = A\nkeywords = aa\n", "pattern" },
		{ "[rule \"a\"]\ntitle = A\nkeyword = aa\npattern = aa\n", "'keyword'" },
		{ "[rule \"github-pat\"]\ntitle = A\nkeywords = aa\npattern = aa\n", "twice" },
		{ "[rule \"a\"]\ntitle = A\nkeywords = aa\npattern = aa\nentropy = much\n",
		  "much" },
		{ "[other]\na = b\n", "section" },
		{ "nonsense\n", "own.ini:1" },
	};
	struct sk_secrets *s = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		own_rules(bad[i].text);
		if (sk_secrets_load(&s) == 0 || s)
			fail_msg("loaded: %s", bad[i].text);
		if (!strstr(sk_error_message(), bad[i].words))
			fail_msg("'%s' is not in '%s'", bad[i].words, sk_error_message());
	}
	own_rules("[rule \"own\"]\ntitle = Ours\nkeywords = ours_\npattern = "
	          "ours_[0-9]{4}\n\t[a-z]{4}\n");
	assert_int_equal(sk_secrets_load(&s), 0);
	assert_int_equal(sk_secrets_count(s), N + 1);
	sk_secret_list_clear(&list);
	assert_int_equal(sk_secrets_scan(s, "ours_1931qwer", 13, &list), 0);
	assert_int_equal(list.n, 1);
	assert_string_equal(list.item[0].rule, "own");
	sk_secrets_free(s);
	s = NULL;
	/* a file of the same name replaces; all rules gone is an error, not "clean" */
	(void)sh("cd '%s/safekeep/secrets' && rm own.ini && : >tokens.ini", scratch);
	assert_int_not_equal(sk_secrets_load(&s), 0);
	(void)sh("rm -r '%s/safekeep/secrets'", scratch);
	assert_int_equal(setenv("SK_TEST_DATADIR", "/nonexistent", 1), 0);
	assert_int_equal(sk_secrets_load(&s), SK_EIO);
	assert_int_equal(setenv("SK_TEST_DATADIR", SK_TEST_DATA "/../../config", 1), 0);
}

static int open_rules(void **state)
{
	(void)state;
	scratch_open();
	assert_int_equal(setenv("SK_TEST_DATADIR", SK_TEST_DATA "/../../config", 1), 0);
	if (sk_secrets_load(&rules))
		fail_msg("%s", sk_error_message());
	return 0;
}

static int close_rules(void **state)
{
	(void)state;
	sk_secrets_free(rules);
	sk_secret_list_clear(&list);
	scratch_close();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_rule_is_known_here),
		cmocka_unit_test(test_each_kind_is_found_whole),
		cmocka_unit_test(test_a_piece_less_is_none),
		cmocka_unit_test(test_one_within_a_longer_word_is_none),
		cmocka_unit_test(test_placeholders_are_let_be),
		cmocka_unit_test(test_private_keys_in_all_their_shapes),
		cmocka_unit_test(test_inline_allowance),
		cmocka_unit_test(test_lines_and_places),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_hostile_text_ends),
		cmocka_unit_test(test_keywords_at_random),
		cmocka_unit_test(test_fails_closed),
	};

	return cmocka_run_group_tests_name("secrets", tests, open_rules, close_rules);
}
