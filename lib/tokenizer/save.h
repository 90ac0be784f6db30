/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a tokenizer that grew: entries are appended in the file's own form and layout, every other byte stays.
 */
#ifndef VS_TOKENIZER_SAVE_H
#define VS_TOKENIZER_SAVE_H

#include <vs/tokenizer.h>
#include "base/mem.h"
#include "base/str.h"

struct vs_save_entry { struct vs_str token; uint32_t id; };  /* of model.vocab; in a Unigram list the id is the place */
struct vs_save_merge { struct vs_str left, right; };
struct vs_save_added { struct vs_str content; uint32_t id; bool special, normalized; };

struct vs_save {
    const struct vs_save_entry *entries; uint32_t entry_count;  /* ascending id */
    const struct vs_save_merge *merges; uint32_t merge_count;
    const struct vs_save_added *added; uint32_t added_count;    /* ascending id */
    const struct vs_str *specials; uint32_t special_count;      /* contents that are to be special, new or known: flagged and listed */
    bool map_names_specials;                                    /* special_tokens_map.json has a list of them (vs_save_names_specials) */
};

/* The text of tokenizer.json with everything of s appended. */
enum vs_code vs_save_tokenizer_json(const char *file, struct vs_str text, const struct vs_save *s, struct vs_buf *out,
                                    struct vs_err *err) VS_NODISCARD;
/* A sibling by its name: tokenizer_config.json, added_tokens.json, special_tokens_map.json, vocab.json, merges.txt, vocab.txt.
 * A name it does not know, or a file that nothing of s concerns, comes out unchanged. */
enum vs_code vs_save_sibling(const char *file, struct vs_str text, const struct vs_save *s, struct vs_buf *out,
                             struct vs_err *err) VS_NODISCARD;

/* Where and in which layout a container of a text is continued. */
struct vs_tail {
    size_t at;              /* splice here */
    struct vs_str space;    /* between a comma and the element behind it: "\n      " */
    struct vs_str colon;    /* between key and value of an object: ": " */
    bool empty;             /* no element yet: the first new one goes without a comma */
    size_t last_begin, last_end; /* the last element, of an object the key included */
    size_t last_value;      /* where its value begins */
};
/* One object of a list as a layout: what stands after "{", after a comma, around ":" and before "}". */
struct vs_object_style { struct vs_str open, space, colon, close; };

struct vs_json;
struct vs_edits;
/* Flags of added tokens in the list or object that comes next: what is to be special becomes so, and is not normalised. */
enum vs_code vs_save_promote(struct vs_json *j, const struct vs_save *s, struct vs_edits *edits, struct vs_err *err) VS_NODISCARD;
/* Names the special tokens in tokenizer_config.json (is_config) or special_tokens_map.json, which comes next as a whole. */
enum vs_code vs_save_list_specials(struct vs_json *j, const struct vs_save *s, bool is_config, struct vs_edits *edits,
                                   struct vs_err *err) VS_NODISCARD;
/* Has the document a list of special tokens? Any other text has none. VS_ENOMEM only. */
enum vs_code vs_save_names_specials(struct vs_str text, bool *yes, struct vs_err *err) VS_NODISCARD;
static inline struct vs_str vs_save_part(struct vs_str text, size_t begin, size_t end) { return (struct vs_str){text.p + begin, end - begin}; }
bool vs_save_tail(struct vs_json *j, struct vs_tail *tail); /* consumes the container that comes next */
/* Puts the text of b, of which file says whose it is when memory is short, in the place of [begin, end); an empty one changes nothing. Frees b. */
enum vs_code vs_save_splice(struct vs_edits *edits, size_t begin, size_t end, struct vs_buf *b, const char *file, struct vs_err *err) VS_NODISCARD;
void vs_save_joint(struct vs_buf *b, const struct vs_tail *tail, bool first); /* before each new element */
struct vs_object_style vs_save_object_style(struct vs_str object); /* a layout on one line for what is no object */
void vs_save_added_object(struct vs_buf *b, const struct vs_object_style *style, const struct vs_save_added *a, bool with_id);

#endif
