/* libgit2 without its network half.
 *
 * SafeKeep opens repositories on this machine and leaves fetch and push to the git program.  Yet
 * the shared libgit2 brings, for https and ssh, twenty other libraries (TLS, Kerberos, ssh), and to
 * load them is most of what a short command takes (3 ms instead of 1).  Linked from libgit2.a, with
 * the entrances to that half taken by the functions below, none of it comes along: the linker takes
 * a member of an archive only for a symbol that nobody has yet.
 *
 * None of them is ever called but the three `global_init`, from git_libgit2_init(); whatever would
 * open a connection fails.  CMake tries whether the archive that is there links in this way, and
 * otherwise takes the shared library (and shared_git2.c): see SK_STATIC_GIT2. */
#include <stdbool.h>

/* Names and numbers of arguments are libgit2's own (src/libgit2, src/util; 1.5). */
#define NO(name)                                                                                   \
	int name(void);                                                                            \
	int name(void)                                                                             \
	{                                                                                          \
		return -1;                                                                         \
	}
#define YES(name)                                                                                  \
	int name(void);                                                                            \
	int name(void)                                                                             \
	{                                                                                          \
		return 0;                                                                          \
	}

/* TLS, by mbedTLS or by OpenSSL */
YES(git_mbedtls_stream_global_init)
NO(git_mbedtls__set_cert_location)
NO(git_mbedtls_stream_new)
NO(git_mbedtls_stream_wrap)
NO(git_tls_stream_new)
NO(git_tls_stream_wrap)

/* http and ssh */
extern bool git_http__expect_continue;
bool git_http__expect_continue;
NO(git_smart_subtransport_http)
NO(git_smart_subtransport_ssh)
YES(git_transport_ssh_global_init)
NO(git_transport_ssh_with_paths)
NO(http_parser_parse_url)

/* SHA-256 by mbedTLS: repositories of that kind are refused (repo/kind.c) */
YES(git_hash_sha256_global_init)
NO(git_hash_sha256_ctx_init)
NO(git_hash_sha256_ctx_cleanup)
NO(git_hash_sha256_init)
NO(git_hash_sha256_update)
NO(git_hash_sha256_final)
