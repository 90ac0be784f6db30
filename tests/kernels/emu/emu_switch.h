/* SPDX-License-Identifier: Apache-2.0
 *
 * From one stack to another. swapcontext asks the system for the signal mask, and AddressSanitizer clears what it knows of the
 * whole stack with every call of it: together two thirds of the time of the emulated device, and redzones of threads that wait.
 * On x86-64 a switch is therefore the registers that a call keeps (System V ABI, 3.2.1); the control words of floating point,
 * which it keeps too, nobody changes here.
 */
#ifndef VS_EMU_SWITCH_H
#define VS_EMU_SWITCH_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__LP64__) && defined(__ELF__) && !defined(__SHSTK__)

struct emu_context { void *stack_pointer; };

void emu_switch(struct emu_context *from, const struct emu_context *to);

__asm__(".pushsection .text\n"
        ".local emu_switch\n"
        ".type emu_switch, @function\n"
        "emu_switch:\n"
        "  push %rbp\n  push %rbx\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
        "  mov %rsp, (%rdi)\n"
        "  mov (%rsi), %rsp\n"
        "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbx\n  pop %rbp\n"
        "  ret\n"
        ".size emu_switch, . - emu_switch\n"
        ".popsection\n");

/* The first switch to it enters start, which never returns. */
static void emu_context_at(struct emu_context *c, char *stack, size_t bytes, void (*start)(void))
{
    void **top = (void **)(void *)(stack + bytes);
    *--top = NULL; /* a function finds the stack 8 bytes off a multiple of 16 */
    *--top = (void *)(uintptr_t)start;
    for (int i = 0; i < 6; i++)
        *--top = NULL;
    c->stack_pointer = top;
}

#else
#include <ucontext.h>

struct emu_context { ucontext_t context; };

static void emu_switch(struct emu_context *from, const struct emu_context *to)
{
    swapcontext(&from->context, &to->context);
}

static void emu_context_at(struct emu_context *c, char *stack, size_t bytes, void (*start)(void))
{
    getcontext(&c->context);
    c->context.uc_stack.ss_sp = stack;
    c->context.uc_stack.ss_size = bytes;
    c->context.uc_link = NULL;
    makecontext(&c->context, start, 0);
}
#endif

#endif
