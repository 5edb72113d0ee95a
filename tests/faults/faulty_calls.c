/* System calls that fail, or end the process, exactly when a test says so.
 *
 * Loaded before the C library (LD_PRELOAD), so that whatever the process asks of it goes through here: SQLite's writes
 * and syncs, Python's files, what is sent on a connection. Needs no right to trace and no package, only a C compiler.
 * Built and used by faulty_calls.py, which has the same numbers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

enum { FDATASYNC, PWRITE, WRITE, FSYNC, RENAME, REPLY, CALLS };
enum { NOTHING, KILL_BEFORE, KILL_HALF, KILL_AFTER, FAIL };

static atomic_int seen[CALLS];
static atomic_int armed = -1, first, last, how, error_number, reply_port;

/* From now on, counted from 1: do it to the calls of this kind from number `from` to number `to`. */
void faulty_arm(int call, int from, int to, int what, int number, int port)
{
    atomic_store(&armed, -1);
    atomic_store(&seen[call], 0);
    first = from; last = to; how = what; error_number = number; reply_port = port;
    atomic_store(&armed, call);
}

void faulty_disarm(void) { atomic_store(&armed, -1); }

int faulty_seen(int call) { return atomic_load(&seen[call]); }

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* What is to be done to this call; dies here if it is to be killed before. */
static int due(int call)
{
    int number = atomic_fetch_add(&seen[call], 1) + 1;
    if (atomic_load(&armed) != call || number < first || number > last)
        return NOTHING;
    if (how == KILL_BEFORE)
        die();
    return how;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *) dlsym(RTLD_NEXT, #name)

#define SIMPLE(call, name, ...) \
    switch (due(call)) { \
    case FAIL: errno = error_number; return -1; \
    case KILL_HALF: case KILL_AFTER: real(__VA_ARGS__); die(); \
    } \
    return real(__VA_ARGS__)

#define SIZED(call, half, whole) \
    switch (due(call)) { \
    case FAIL: errno = error_number; return -1; \
    case KILL_HALF: half; die(); break; \
    case KILL_AFTER: whole; die(); break; \
    } \
    return whole

int fdatasync(int fd) { REAL(fdatasync); SIMPLE(FDATASYNC, fdatasync, fd); }

int fsync(int fd) { REAL(fsync); SIMPLE(FSYNC, fsync, fd); }

int rename(const char *from, const char *to) { REAL(rename); SIMPLE(RENAME, rename, from, to); }

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    REAL(pwrite64);
    SIZED(PWRITE, (void) !real(fd, data, size / 2, at), real(fd, data, size, at));
}

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(write);
    if (fd <= 2)  /* what the process says of itself is not what it stores */
        return real(fd, data, size);
    SIZED(WRITE, (void) !real(fd, data, size / 2), real(fd, data, size));
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    REAL(send);
    struct sockaddr_in ours;
    socklen_t length = sizeof ours;
    if (getsockname(fd, (struct sockaddr *) &ours, &length) != 0 || ours.sin_family != AF_INET ||
        ntohs(ours.sin_port) != reply_port)
        return real(fd, data, size, flags);
    SIZED(REPLY, (void) !real(fd, data, size / 2, flags), real(fd, data, size, flags));
}
