/*
 * A hash takes some 19 MiB from the kernel and gives them back. libsodium has them filled in page by page, which costs
 * a quarter of the hash's time; in huge pages it is ten steps instead of five thousand, and the hash itself misses the
 * TLB less. libsodium can't be told, so this program's own mmap asks for them; everything else passes through. Fresh
 * memory each time all the same: nothing of one hash is left for the next.
 */
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

/* Under the name by which libsodium finds it. */
void *hash_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset) __asm__("mmap");

void *hash_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset) {
    bool is_hash = (flags & MAP_POPULATE) != 0 && (flags & MAP_ANONYMOUS) != 0 && n >= HUGE_PAGE_BYTES;
    int asked = is_hash ? flags & ~MAP_POPULATE : flags;
    void *p = (void *)syscall(SYS_mmap, at, n, protection, asked, fd, offset);
    if (is_hash && p != MAP_FAILED) (void)madvise(p, n, MADV_HUGEPAGE); /* a wish: small pages do as well */
    return p;
}
