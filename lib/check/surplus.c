/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a table has more rows than the tokenizer has ids (audit.md 1.4).
 */
#include "check/facts.h"

static const char *const names[] = {"unknown", "align", "reserve", "odd", "equal", "over"};

const char *vs_surplus_name(enum vs_surplus s)
{
    return names[s];
}

/* ALIGN: the next multiple of a power of two; RESERVE: a deliberate few rows; ODD: nothing explains them. */
enum vs_surplus vs_surplus_class(uint64_t rows, uint64_t needed, uint32_t *multiple)
{
    *multiple = 0;
    if (rows == needed)
        return VS_SURPLUS_EQUAL;
    if (rows < needed)
        return VS_SURPLUS_OVER;
    for (uint32_t m = 8; m <= 4096; m *= 2)
        if (rows % m == 0 && rows - needed < m) {
            *multiple = m;
            return VS_SURPLUS_ALIGN;
        }
    bool few = (rows - needed) * 100 <= 3 * needed;
    return rows % 64 == 0 && few ? VS_SURPLUS_RESERVE : VS_SURPLUS_ODD;
}
