/* A disk that forgets what was not flushed, and fails on order.
 *
 * Preloaded into the gateway (LD_PRELOAD). It concerns files below
 * FAULTDISK_ROOT only. FAULTDISK_MEDIUM is a folder on the same volume that
 * holds what would be left after a power cut:
 *
 *   f<inode>   content of a file when it was last flushed
 *   d<inode>   names in a folder when it was last flushed, "inode name" a line
 *   p<inode>   content of a file when a flush of it failed: what is not
 *              written again after that never reaches the medium, though every
 *              later flush succeeds. That is what Linux does.
 *   g<inode>   a removed file, kept so that its inode is not given again
 *   orders     what is to fail, "word number" a line, gone when all works
 *
 * Orders, with an errno or milliseconds:
 *
 *   write N    writing and resizing       make N   new files and folders
 *   open N     opening for writing        handle N  opening at all
 *   remove N   removing and renaming
 *   flush N    every flush                flush-once N   the next one
 *   slow MS    a flush takes this long   lie 1     a flush does nothing and says it did
 *
 * tests/src/disk.rs makes the power cut of it. Mapped memory is not looked at:
 * SQLite maps only the index of a log (-shm), which it never flushes and
 * builds anew.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char *root(void) { return getenv("FAULTDISK_ROOT"); }
static const char *medium(void) { return getenv("FAULTDISK_MEDIUM"); }

static int below_root(const char *path) {
    const char *top = root();
    if (!top || !medium()) return 0;
    size_t len = strlen(top);
    return strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static int is_ours(int fd) {
    char link[64], path[PATH_MAX];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    errno = before;
    if (len <= 0) return 0;
    path[len] = '\0';
    return below_root(path);
}

/* The number behind a word of the orders, 0 when it is not there. */
static int order(const char *word) {
    char path[PATH_MAX], said[32];
    int number, found = 0, before = errno;
    snprintf(path, sizeof path, "%s/orders", medium());
    FILE *orders = fopen(path, "re");
    if (orders) {
        while (!found && fscanf(orders, "%31s %d", said, &number) == 2)
            if (strcmp(said, word) == 0) found = number;
        fclose(orders);
    }
    errno = before;
    return found;
}

static int fails(const char *word) {
    int error = order(word);
    if (error) errno = error;
    return error != 0;
}

static void name(char *path, char kind, ino_t inode, const char *suffix) {
    snprintf(path, PATH_MAX, "%s/%c%llu%s", medium(), kind, (unsigned long long)inode, suffix);
}

/* What the layer itself can't do must not pass for what the gateway did. */
static void must(int worked) {
    if (!worked) {
        perror("faultdisk");
        abort();
    }
}

static size_t block(FILE *file, char *bytes) {
    memset(bytes, 0, BLOCK);
    return file ? fread(bytes, 1, BLOCK, file) : 0;
}

/* A file reached the medium as it is now, bar what an earlier flush lost. */
static void keep_file(int fd, ino_t inode, char kind) {
    char path[PATH_MAX], next[PATH_MAX], now[BLOCK], was[BLOCK], lost[BLOCK];
    name(path, 'p', inode, "");
    FILE *failed = kind == 'f' ? fopen(path, "re") : NULL;
    name(path, kind, inode, "");
    FILE *old = failed ? fopen(path, "re") : NULL;
    name(next, kind, inode, ".next");
    snprintf(now, sizeof now, "/proc/self/fd/%d", fd);
    FILE *from = fopen(now, "re"), *to = fopen(next, "we");
    must(from && to);
    for (size_t len; (len = block(from, now)) > 0;) {
        size_t had = block(old, was), seen = block(failed, lost);
        (void)had;
        int written_again = seen == 0 || memcmp(now, lost, BLOCK) != 0;
        must(fwrite(written_again ? now : was, 1, len, to) == len);
    }
    must(fclose(to) == 0 && rename(next, path) == 0);
    fclose(from);
    if (old) fclose(old);
    if (failed) fclose(failed);
}

static void keep_folder(int fd, ino_t inode) {
    char path[PATH_MAX], next[PATH_MAX];
    name(path, 'd', inode, "");
    name(next, 'd', inode, ".next");
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = again < 0 ? NULL : fdopendir(again);
    FILE *to = fopen(next, "we");
    must(folder && to);
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            fprintf(to, "%llu %s\n", (unsigned long long)entry->d_ino, entry->d_name);
    must(fclose(to) == 0 && rename(next, path) == 0);
    closedir(folder);
}

static int flush(int fd, int (*real)(int)) {
    struct stat stat;
    if (!is_ours(fd)) return real(fd);
    must(fstat(fd, &stat) == 0);
    int slow = order("slow");
    if (slow) {
        struct timespec time = {slow / 1000, slow % 1000 * 1000000L};
        nanosleep(&time, NULL);
    }
    int once = order("flush-once"), error = once ? once : order("flush");
    if (once) {
        char orders[PATH_MAX];
        snprintf(orders, sizeof orders, "%s/orders", medium());
        must(unlink(orders) == 0);
    }
    if (error) {
        if (S_ISREG(stat.st_mode)) keep_file(fd, stat.st_ino, 'p');
        errno = error;
        return -1;
    }
    if (order("lie")) return 0;
    if (S_ISDIR(stat.st_mode)) keep_folder(fd, stat.st_ino);
    else keep_file(fd, stat.st_ino, 'f');
    return 0;
}

int fsync(int fd) { return flush(fd, REAL(fsync)); }
int fdatasync(int fd) { return flush(fd, REAL(fdatasync)); }

ssize_t write(int fd, const void *bytes, size_t len) {
    return is_ours(fd) && fails("write") ? -1 : REAL(write)(fd, bytes, len);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return is_ours(fd) && fails("write") ? -1 : REAL(writev)(fd, parts, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at) {
    return is_ours(fd) && fails("write") ? -1 : REAL(pwrite64)(fd, bytes, len, at);
}

int ftruncate64(int fd, off64_t len) {
    return is_ours(fd) && fails("write") ? -1 : REAL(ftruncate64)(fd, len);
}

static int may_open(const char *path, int flags) {
    if (!below_root(path)) return 1;
    if (fails("handle")) return 0;
    if ((flags & O_ACCMODE) != O_RDONLY && fails("open")) return 0;
    int before = errno, is_new = (flags & O_CREAT) && access(path, F_OK) != 0;
    errno = before;
    return !(is_new && fails("make"));
}

#define OPEN(function)                                                     \
    int function(const char *path, int flags, ...) {                       \
        va_list more;                                                      \
        va_start(more, flags);                                             \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                      \
        return may_open(path, flags) ? REAL(function)(path, flags, mode) : -1; \
    }
OPEN(open)
OPEN(open64)

int mkdir(const char *path, mode_t mode) {
    return below_root(path) && fails("make") ? -1 : REAL(mkdir)(path, mode);
}

/* The file may come back at a power cut. */
static void bury(const char *path) {
    struct stat stat;
    char grave[PATH_MAX];
    int before = errno;
    if (lstat(path, &stat) == 0 && S_ISREG(stat.st_mode)) {
        name(grave, 'g', stat.st_ino, "");
        must(link(path, grave) == 0 || errno == EEXIST);
    }
    errno = before;
}

int unlink(const char *path) {
    if (below_root(path)) {
        if (fails("remove")) return -1;
        bury(path);
    }
    return REAL(unlink)(path);
}

int rename(const char *from, const char *to) {
    if (below_root(from) || below_root(to)) {
        if (fails("remove")) return -1;
        bury(to);
    }
    return REAL(rename)(from, to);
}
