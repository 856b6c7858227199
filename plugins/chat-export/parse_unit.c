#include "parse.h"

#include <stdio.h>
#include <string.h>

/* --- units --- */

static int unit_give(struct chat_parser *p)
{
	p->last_id = NOTHING;
	p->in_unit = 0;
	p->unit.number = ++p->mem.units;
	p->result.units++;
	snprintf(p->made_id, sizeof(p->made_id), "L%llu.%08x", (unsigned long long)p->unit.offset,
	         p->file_hash);
	if (!p->plan.unit)
		return 0;
	return p->stop = p->plan.unit(p->plan.arg, &p->unit);
}

/* Every unit has a record at least, so that whoever keeps only records sees that it was there. */
static int unit_done(struct chat_parser *p)
{
	if (!p->stop && p->tree.oom)
		parser_fail(p, SKP_EIO, "out of memory");
	if (!p->stop && !p->in_unit)
		rec_say(p, p->unit.damage ? CHAT_DAMAGED : CHAT_UNKNOWN, NOTHING);
	return p->stop;
}

int unit_damaged(struct chat_parser *p, struct chat_text raw, uint64_t offset, uint64_t length,
                 enum chat_damage damage)
{
	p->unit = (struct chat_unit){
		.offset = offset, .length = length, .raw = raw, .key = NOTHING, .damage = damage
	};
	arena_reset(&p->tree.arena);
	if (unit_give(p))
		return p->stop;
	p->result.damaged++;
	return unit_done(p);
}

int unit_json(struct chat_parser *p, const char *raw, size_t len, uint64_t offset, uint64_t length,
              struct chat_text key)
{
	enum chat_damage damage;

	if (jtree_parse(&p->tree, raw, len, &damage))
		return parser_fail(p, SKP_EIO, "out of memory");
	if (damage)
		return unit_damaged(p, (struct chat_text){ raw, len }, offset, length, damage);
	p->unit = (struct chat_unit){ .offset = offset,
		                      .length = length,
		                      .raw = { raw, len },
		                      .key = key,
		                      .tree = &p->tree };
	if (unit_give(p))
		return p->stop;
	p->format->json(p, j_root(&p->tree));
	return unit_done(p);
}

/* --- blocks of text --- */

int block_end(struct chat_parser *p)
{
	struct chat_text said, raw;
	struct chat_record *rec;

	if (!p->block_open || p->stop)
		return p->stop;
	p->block_open = 0;
	raw = (struct chat_text){ chat_buf_str(&p->block), p->block.n };
	if (raw.n && raw.s[raw.n - 1] == '\n')
		raw.n--;
	p->unit = (struct chat_unit){
		.offset = p->block_at, .length = raw.n, .raw = raw, .key = NOTHING
	};
	arena_reset(&p->tree.arena);
	if (unit_give(p))
		return p->stop;
	if (!p->block_more)
		REMEMBER(p, block_id, text_of(p->made_id));
	said = (struct chat_text){ chat_buf_str(&p->said), p->said.n };
	while (said.n && (said.s[said.n - 1] == '\n' || said.s[said.n - 1] == '\r'))
		said.n--;
	while (!p->block_more && said.n && (said.s[0] == '\n' || said.s[0] == '\r'))
		said = text_cut(said, 1);
	if (text_clean(&p->tree.arena, &said))
		return parser_fail(p, SKP_EIO, "out of memory");
	rec = rec_begin(p, said.n ? (enum chat_role)p->mem.role : CHAT_UNKNOWN);
	rec->text = said;
	if (p->block_more)
		rec->flags = (rec->flags & ~(uint32_t)CHAT_REPLACES) | CHAT_MORE;
	rec->id = text_of(p->mem.block_id);
	if (p->format->block)
		p->format->block(p, rec);
	rec_emit(p);
	chat_buf_clear(&p->block);
	chat_buf_clear(&p->said);
	p->block_more = 1; /* what follows, until another one begins */
	return unit_done(p);
}

/* `line` without its newline, at p->hold_at. */
int block_begin(struct chat_parser *p, enum chat_role role, struct chat_text line,
                struct chat_text text)
{
	if (block_end(p))
		return p->stop;
	p->mem.role = role;
	p->block_more = 0;
	return block_add(p, line, text);
}

int block_add(struct chat_parser *p, struct chat_text line, struct chat_text text)
{
	if (p->block_open && p->block.n + line.n > CHAT_MAX_BLOCK && block_end(p))
		return p->stop;
	if (!p->block_open) {
		p->block_open = 1;
		p->block_at = p->hold_at;
		chat_buf_clear(&p->block);
		chat_buf_clear(&p->said);
		if (p->block_more)
			chat_buf_addc(&p->said, '\n');
	}
	chat_buf_add(&p->block, line.s, line.n);
	chat_buf_addc(&p->block, '\n');
	chat_buf_add(&p->said, text.s, text.n);
	if (chat_buf_addc(&p->said, '\n') || p->block.oom)
		return parser_fail(p, SKP_EIO, "out of memory");
	return 0;
}
