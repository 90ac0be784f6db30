/* SPDX-License-Identifier: Apache-2.0
 *
 * A vocab-map.json for the sound tokenizer: one new token, id 4.
 */
#include <stddef.h>
#include <string.h>
#include "catalogue.h"

#define FILE_NAME "vocab-map.json"
#define SCHEMA "\"schema\":\"vocabsurgeon/vocab-map/1\""
#define SHA(first) "\"" first "000000000000000000000000000000000000000000000000000000000000000\""
#define BASE "\"base\":{\"path\":\"x\",\"sha256\":" SHA("0") ",\"rows_needed\":4}"
#define NEW(id, pieces) "{\"id\":" id ",\"token\":\"x\",\"kind\":\"added\",\"source\":\"e\",\"source_id\":null,\"pieces\":[" pieces "]}"
#define MAP(new) "{" SCHEMA "," BASE ",\"rows_needed\":5,\"new\":[" new "],\"overlap\":[],\"rejected\":[]}"
#define SOUND MAP(NEW("4", "0"))

static void map(const struct bad *b, const char *dir)
{
    put_text(dir, FILE_NAME, b->text);
}

static void map_bytes(const struct bad *b, const char *dir)
{
    put_file(dir, FILE_NAME, b->text, b->payload);
}

static void map_deep(const struct bad *b, const char *dir)
{
    char text[256] = "{\"x\":";
    (void)b;
    memset(text + strlen(text), '[', 100);
    put_text(dir, FILE_NAME, text);
}

static void map_huge(const struct bad *b, const char *dir)
{
    (void)b;
    put_sparse(dir, FILE_NAME, "{", 1, (1ull << 30) + 1);
}

#define BAD(name, needle, text) {name, BAD_MAP, VS_EFORMAT, needle, map, text, 0}

const struct bad bad_map[] = {
    BAD("map-empty-file", "an object expected", ""),
    BAD("map-not-utf8", "UTF-8", MAP("{\"token\":\"\xff\"}")),
    BAD("map-byte-order-mark", "byte order mark", "\xef\xbb\xbf" SOUND),
    {"map-nul", BAD_MAP, VS_EFORMAT, "byte 0x00", map_bytes, SOUND "\0", sizeof SOUND},
    BAD("map-truncated", "the end of the text", "{" SCHEMA ",\"new\":[{"),
    BAD("map-trailing-garbage", "nothing may follow", SOUND "{}"),
    BAD("map-nan", "line 1, column", MAP(NEW("NaN", ""))),
    {"map-too-deep", BAD_MAP, VS_ELIMIT, "nested deeper than 64", map_deep, NULL, 0},
    {"map-too-large", BAD_MAP, VS_ELIMIT, "1073741825 bytes", map_huge, NULL, 0},
    BAD("map-schema", "found another schema", "{\"schema\":\"vocabsurgeon/vocab-map/2\"}"),
    BAD("map-no-schema", "no \"schema\"", "{}"),
    BAD("map-duplicate-key", "\"new\" twice", "{\"new\":[],\"n\\u0065w\":[]}"),
    BAD("map-duplicate-in-base", "\"rows_needed\" twice", "{" SCHEMA ",\"base\":{\"rows_needed\":4,\"rows_needed\":5}}"),
    BAD("map-duplicate-in-entry", "\"id\" twice", MAP("{\"id\":4,\"id\":5}")),
    BAD("map-id-float", "found 4.0", MAP(NEW("4.0", "0"))),
    BAD("map-id-negative", "found -4", MAP(NEW("-4", "0"))),
    BAD("map-id-2-to-31", "found id 2147483648", MAP(NEW("2147483648", "0"))),
    BAD("map-ids-descend", "expected ascending ids", MAP(NEW("4", "0") "," NEW("4", "0"))),
    BAD("map-id-beyond-rows", "id 5, but rows_needed is 5", MAP(NEW("5", "0"))),
    BAD("map-piece-beyond-base", "4 is no id of the base", MAP(NEW("4", "4"))),
    BAD("map-kind", "found kind \"new\"", MAP("{\"kind\":\"new\"}")),
    BAD("map-no-overlap", "no \"overlap\"", "{" SCHEMA "," BASE ",\"rows_needed\":4,\"new\":[],\"rejected\":[]}"),
    BAD("map-no-rejected", "no \"rejected\"", "{" SCHEMA "," BASE ",\"rows_needed\":4,\"new\":[],\"overlap\":[]}"),
    BAD("map-no-base-path", "no \"path\" in \"base\"", "{" SCHEMA ",\"base\":{\"sha256\":" SHA("0") ",\"rows_needed\":4}}"),
    BAD("map-no-base-sha256", "no \"sha256\" in \"base\"", "{" SCHEMA ",\"base\":{\"path\":\"x\",\"rows_needed\":4}}"),
    BAD("map-sha256-upper-case", "/base/sha256", "{" SCHEMA ",\"base\":{\"path\":\"x\",\"sha256\":" SHA("A") ",\"rows_needed\":4},\"rows_needed\":4,"
        "\"new\":[],\"overlap\":[],\"rejected\":[]}"),
    BAD("map-no-source-id", "lacks \"source_id\"", MAP("{\"id\":4,\"token\":\"x\",\"kind\":\"added\",\"source\":\"e\",\"pieces\":[]}")),
    BAD("map-lone-surrogate", "surrogate", MAP("{\"token\":\"\\ud83d\"}")),
    {NULL, BAD_MAP, VS_OK, NULL, NULL, NULL, 0},
};
