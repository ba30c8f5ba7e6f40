/* Asks for getpid by the 32-bit entry: int 0x80 from a 64-bit process, which the kernel reports as AUDIT_ARCH_I386. */
#include <stdio.h>

int main(void)
{
    long result = 20;
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    printf("%ld\n", result);
    return 0;
}
