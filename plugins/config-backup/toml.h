/* toml.h - what parse_toml.c (keys and tables) and toml_word.c (strings, numbers, dates) share. */
#ifndef CONF_TOML_H
#define CONF_TOML_H

#include <stdbool.h>
#include <stddef.h>

enum kind { VALUE, IMPLIED, HEADER, DOTTED, TABLES };

struct node {
	size_t parent; /* its number */
	char *key;
	size_t len;
	enum kind kind;
	size_t section; /* DOTTED: the one that began it */
	size_t last;    /* TABLES: the newest of them */
};

struct toml {
	const char *p, *end;
	long line;
	char *why;
	size_t size;
	bool bad;
	int depth;

	struct node *node; /* 0 is the root */
	size_t n_nodes;
	size_t *slot, mask; /* numbers of nodes; 0: free */
	size_t section;
	char *key; /* the one that was just read */
	size_t key_len, key_room;
};

/* Says what is wrong, the first time; false. */
bool toml_wrong(struct toml *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The byte that is so far ahead; -1: there is none. */
int toml_peek(const struct toml *t, size_t ahead);
bool toml_begins(const struct toml *t, const char *word);
void toml_blanks(struct toml *t);
/* "\n" or "\r\n" */
bool toml_newline(struct toml *t);
bool toml_is_control(int c);
bool toml_is_digit(int c);
/* Adds to the key. */
bool toml_key_byte(struct toml *t, char c);

/* In quotes, on one line; its content becomes the key. */
bool toml_string(struct toml *t);
/* In three quotes. */
bool toml_long_string(struct toml *t);
bool toml_number(struct toml *t);
/* HH:MM:SS */
bool toml_clock(struct toml *t);
/* A date, with or without a time. */
bool toml_date(struct toml *t);

#endif
