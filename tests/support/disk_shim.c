/* Preloaded into a process: counts the changes of files below a folder, and at one of them kills the process or lets
   the call fail. Every change can be logged, so that their order is known. See disk_lab.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOTHING, KILL_BEFORE, KILL_HALF_WAY, KILL_AFTER, FAIL, SHORT };

static struct {
    int armed, way, code, log;
    long number, until, count; /* the changes number..until are hit */
    char folder[4096], gate[4096]; /* gate: while this file is there, every write fails; empty: none */
} lab;

void lab_arm(const char *folder, long number, long until, int way, int code, int log, const char *gate) {
    snprintf(lab.folder, sizeof lab.folder, "%s", folder);
    snprintf(lab.gate, sizeof lab.gate, "%s", gate);
    lab.number = number, lab.until = until, lab.way = way, lab.code = code, lab.log = log, lab.count = 0;
    lab.armed = 1;
}
long lab_count(void) { return lab.count; }

static int below(const char *path) {
    size_t length = strlen(lab.folder);
    return lab.armed && path && !strncmp(path, lab.folder, length) && (path[length] == '/' || !path[length]);
}

/* The absolute path of a name relative to a folder's handle. */
static const char *at(int folder, const char *name, char *place) {
    char link[64], home[4096];
    if (!name || name[0] == '/' || !lab.armed) return name;
    if (folder == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t got = readlink(link, home, sizeof home - 1);
    if (got < 0) return name;
    home[got] = 0;
    snprintf(place, 8300, "%s/%s", home, name);
    return place;
}

static const char *of(int handle, char *place) {
    char link[64];
    if (!lab.armed) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t got = readlink(link, place, 4095);
    if (got < 0) return NULL;
    place[got] = 0;
    return place;
}


/* What is to happen at this change. */
static int now(const char *change, const char *path, const char *other) {
    char line[12800];
    lab.count++;
    int hit = lab.count >= lab.number && lab.count <= lab.until;
    if (lab.log >= 0) {
        int length = snprintf(line, sizeof line, "%ld\t%s\t%s\t%s\n", lab.count, change, path, other);
        syscall(SYS_write, lab.log, line, length < (int)sizeof line ? length : (int)sizeof line - 1);
    }
    if (lab.gate[0] && (!strcmp(change, "write") || !strcmp(change, "open")) && !access(lab.gate, F_OK)) {
        errno = lab.code;
        return FAIL;
    }
    if (!hit) return NOTHING;
    if (lab.way == KILL_BEFORE) kill(getpid(), SIGKILL);
    errno = lab.code;
    return lab.way;
}

#define REAL(kind, name, ...) static kind (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, #name)
/* A change without a half: before it, after it, or an error in its place. */
#define WHOLE(call) { if (way == FAIL) return -1; __typeof__(call) made = call; \
                      if (way == KILL_AFTER || way == KILL_HALF_WAY) kill(getpid(), SIGKILL); return made; }

#define BYTES(call_of, handle, size) \
    char place[4096]; const char *path = of(handle, place); int way = NOTHING; \
    if (below(path)) way = now("write", path, ""); \
    if (way == FAIL) return -1; \
    size_t wanted = (way == SHORT || way == KILL_HALF_WAY) && (size) > 1 ? (size) / 2 : (size); \
    ssize_t made = call_of(wanted); \
    if (way == KILL_AFTER || way == KILL_HALF_WAY) kill(getpid(), SIGKILL); \
    return made;

ssize_t write(int handle, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
#define DO(count) real(handle, data, count)
    BYTES(DO, handle, size)
#undef DO
}
ssize_t pwrite(int handle, const void *data, size_t size, off_t place_in) {
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
#define DO(count) real(handle, data, count, place_in)
    BYTES(DO, handle, size)
#undef DO
}
ssize_t pwrite64(int handle, const void *data, size_t size, off64_t place_in) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
#define DO(count) real(handle, data, count, place_in)
    BYTES(DO, handle, size)
#undef DO
}
ssize_t writev(int handle, const struct iovec *parts, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    char place[4096]; const char *path = of(handle, place); int way = NOTHING;
    if (below(path)) way = now("write", path, "");
    if (way == SHORT || way == KILL_HALF_WAY) count = count > 1 ? count / 2 : count;
    WHOLE(real(handle, parts, count))
}
ssize_t sendfile(int to, int from, off_t *start, size_t size) {
    REAL(ssize_t, sendfile, int, int, off_t *, size_t);
#define DO(count) real(to, from, start, count)
    BYTES(DO, to, size)
#undef DO
}
ssize_t sendfile64(int to, int from, off64_t *start, size_t size) {
    REAL(ssize_t, sendfile64, int, int, off64_t *, size_t);
#define DO(count) real(to, from, start, count)
    BYTES(DO, to, size)
#undef DO
}

#define OF_HANDLE(change, call) \
    char place[4096]; const char *path = of(handle, place); int way = NOTHING; \
    if (below(path)) way = now(change, path, ""); \
    WHOLE(call)
int fsync(int handle) { REAL(int, fsync, int); OF_HANDLE("fsync", real(handle)) }
int fdatasync(int handle) { REAL(int, fdatasync, int); OF_HANDLE("fsync", real(handle)) }
int ftruncate(int handle, off_t size) { REAL(int, ftruncate, int, off_t); OF_HANDLE("write", real(handle, size)) }
int ftruncate64(int handle, off64_t size) { REAL(int, ftruncate64, int, off64_t); OF_HANDLE("write", real(handle, size)) }

#define OF_NAMES(change, one_at, one, two_at, two, call) \
    char place_one[8300], place_two[8300]; \
    const char *from = at(one_at, one, place_one), *to = at(two_at, two, place_two); int way = NOTHING; \
    if (below(to)) way = now(change, to, from); \
    WHOLE(call)
int rename(const char *one, const char *two) {
    REAL(int, rename, const char *, const char *);
    OF_NAMES("rename", AT_FDCWD, one, AT_FDCWD, two, real(one, two))
}
int renameat(int a, const char *one, int b, const char *two) {
    REAL(int, renameat, int, const char *, int, const char *);
    OF_NAMES("rename", a, one, b, two, real(a, one, b, two))
}
int renameat2(int a, const char *one, int b, const char *two, unsigned flags) {
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    OF_NAMES(flags & 2 ? "exchange" : "rename", a, one, b, two, real(a, one, b, two, flags))
}
int link(const char *one, const char *two) {
    REAL(int, link, const char *, const char *);
    OF_NAMES("link", AT_FDCWD, one, AT_FDCWD, two, real(one, two))
}
int linkat(int a, const char *one, int b, const char *two, int flags) {
    REAL(int, linkat, int, const char *, int, const char *, int);
    OF_NAMES("link", a, one, b, two, real(a, one, b, two, flags))
}

#define OF_NAME(change, folder, name, call) \
    char place[8300]; const char *path = at(folder, name, place); int way = NOTHING; \
    if (below(path)) way = now(change, path, ""); \
    WHOLE(call)
int mkdir(const char *name, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    OF_NAME("mkdir", AT_FDCWD, name, real(name, mode))
}
int mkdirat(int folder, const char *name, mode_t mode) {
    REAL(int, mkdirat, int, const char *, mode_t);
    OF_NAME("mkdir", folder, name, real(folder, name, mode))
}
int unlink(const char *name) { REAL(int, unlink, const char *); OF_NAME("remove", AT_FDCWD, name, real(name)) }
int rmdir(const char *name) { REAL(int, rmdir, const char *); OF_NAME("remove", AT_FDCWD, name, real(name)) }
int unlinkat(int folder, const char *name, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    OF_NAME("remove", folder, name, real(folder, name, flags))
}

/* Opening is a change where it is for writing. */
#define OPENED(folder, name, call) \
    va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more); \
    char place[8300]; const char *path = (flags & O_ACCMODE) == O_RDONLY ? NULL : at(folder, name, place); \
    int way = NOTHING; \
    if (below(path)) way = now("open", path, ""); \
    WHOLE(call)
int open(const char *name, int flags, ...) {
    REAL(int, open, const char *, int, ...);
    OPENED(AT_FDCWD, name, real(name, flags, mode))
}
int open64(const char *name, int flags, ...) {
    REAL(int, open64, const char *, int, ...);
    OPENED(AT_FDCWD, name, real(name, flags, mode))
}
int openat(int folder, const char *name, int flags, ...) {
    REAL(int, openat, int, const char *, int, ...);
    OPENED(folder, name, real(folder, name, flags, mode))
}
int openat64(int folder, const char *name, int flags, ...) {
    REAL(int, openat64, int, const char *, int, ...);
    OPENED(folder, name, real(folder, name, flags, mode))
}
