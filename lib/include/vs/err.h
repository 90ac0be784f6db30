/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors and borrowed strings: the two types that every room shares.
 *
 * Every fallible function returns enum vs_code and takes struct vs_err *err last (never NULL). On failure
 * the message says file, place, what was found, what was expected and, where there is one, the remedy. It is
 * written where the fact is known, once; callers pass it on unchanged. Nothing in the library prints.
 */
#ifndef VS_ERR_H
#define VS_ERR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Around the declarations of every public header: C names for C++ programs. */
#ifdef __cplusplus
#define VS_C_BEGIN extern "C" {
#define VS_C_END }
#else
#define VS_C_BEGIN
#define VS_C_END
#endif

VS_C_BEGIN

enum vs_code {
    VS_OK,
    VS_EUSAGE,       /* the caller asked for something contradictory   -> exit 2 */
    VS_EFORMAT,      /* a file breaks its format                       -> exit 3 */
    VS_EUNSUPPORTED, /* well-formed, but not handled (named)           -> exit 3 */
    VS_EMISMATCH,    /* two files or a file and a request contradict   -> exit 3 */
    VS_ELIMIT,       /* a documented limit, with its value             -> exit 3 */
    VS_EEXIST,       /* output exists, or would overwrite an input     -> exit 4 */
    VS_EIO,          /* read, write or open failed                     -> exit 4 (3 for an input that is missing or may not be read: VS_EFORMAT) */
    VS_ENOMEM,       /*                                                -> exit 4 */
    VS_EDEVICE,      /* no usable device                               -> exit 4 */
    VS_ECANCELED,    /* SIGINT, SIGTERM or SIGHUP                      -> exit 130 */
};

#define VS_ERR_MAX 2048

struct vs_err {
    enum vs_code code;
    char message[VS_ERR_MAX]; /* UTF-8, no newline at the end, control characters already escaped */
};

/* A borrowed slice of bytes, not NUL-terminated; p may be NULL when n is 0. Its owner is named where it is returned. */
struct vs_str {
    const char *p;
    size_t n;
};

#define VS_NODISCARD __attribute__((warn_unused_result))
#define VS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* printf arguments of a vs_str: printf("%.*s", VS_STR(s)). Only for text that is known to be printable. */
#define VS_STR(s) (int)((s).n > 512 ? 512 : (s).n), ((s).p ? (s).p : "")

/* Writes the message and returns code, so that failing is one statement: return vs_fail(err, VS_EFORMAT, ...). */
enum vs_code vs_fail(struct vs_err *err, enum vs_code code, const char *fmt, ...) VS_PRINTF(3, 4);

VS_C_END

#endif
