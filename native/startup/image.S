/*
 * The section .image before the image is stored in it: it contains the program's bytecode, and has room for the image.
 * struct image in image.c describes the layout.
 */
        .section .image, "aw", @progbits
        .balign 64
        .globl image_begin, image_end
image_begin:
        .quad 0
        .balign 16
        .quad program_end - program
program:
        .incbin PROGRAM
program_end:
        .org image_begin + IMAGE_BYTES
image_end:

/* The scripts of commands, each with its length before it: image.c evaluates those that a call needs. */
        .section .rodata
        .balign 16
        .globl commands_begin, commands_end
commands_begin:
        .incbin COMMAND_SCRIPTS
commands_end:

/* The text that `ib-sriov licenses` prints. */
        .globl notices_begin, notices_end
notices_begin:
#ifdef NOTICES
        .incbin NOTICES
#endif
notices_end:

#ifdef __aarch64__
        .include "native/startup/bti.s"
#endif
        .section .note.GNU-stack, "", @progbits
