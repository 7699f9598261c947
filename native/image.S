/*
 * The section .image, before the image has been taken: room for it, with the program's bytecode in it.
 * image.c (struct image) says what is where.
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

        .section .note.GNU-stack, "", @progbits
