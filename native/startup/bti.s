/*
 * The property note of arm64 that marks an object as guarded by BTI: each of its functions that can be called indirectly
 * begins with a landing pad. The linker marks an executable only if all its objects are marked. gcc marks the objects
 * that it compiles from C; scripts/libraries appends this file to musl's assembly.
 */
        .pushsection .note.gnu.property, "a"
        .balign 8
        .long 4, 16, 5                  /* lengths of the name and of the properties; NT_GNU_PROPERTY_TYPE_0 */
        .asciz "GNU"
        .long 0xc0000000, 4, 1, 0       /* GNU_PROPERTY_AARCH64_FEATURE_1_AND, its length, BTI, padding */
        .popsection
