/* Records what a process asks of the disk, in order: loaded before the C library (LD_PRELOAD).

   Every change below RECORD_ROOT is appended to RECORD_LOG as one header line and, for a write, its
   bytes. A record stands before the call returns, so whatever the process does because of the call
   is recorded after it. Pages that are mapped are not seen: SQLite maps its -shm alone, which it
   makes anew after a power cut. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 4096
static pthread_mutex_t line = PTHREAD_MUTEX_INITIALIZER;
static char *paths[FDS];
static int log_fd = -1;
static const char *root;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
  root = getenv("RECORD_ROOT");
  const char *log = getenv("RECORD_LOG");
  if (root && log) log_fd = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const char *header, const void *data, size_t length) {
  struct iovec parts[2] = {{(void *)header, strlen(header)}, {(void *)data, length}};
  size_t wanted = parts[0].iov_len + length;
  if (writev(log_fd, parts, length ? 2 : 1) != (ssize_t)wanted) abort();
}

static int ours(const char *path) {
  return log_fd >= 0 && path && strncmp(path, root, strlen(root)) == 0;
}

static const char *of(int fd) { return fd >= 0 && fd < FDS ? paths[fd] : NULL; }

static void opened(int fd, const char *path, int flags) {
  if (fd < 0 || fd >= FDS || !ours(path)) return;
  char header[1200];
  pthread_mutex_lock(&line);
  free(paths[fd]);
  paths[fd] = strdup(path);
  snprintf(header, sizeof header, "open\t%s\t%d\t0\n", path, (flags & O_TRUNC) ? 1 : 0);
  if (flags & (O_CREAT | O_TRUNC)) put(header, NULL, 0);
  pthread_mutex_unlock(&line);
}

#define OPEN(name)                                   \
  int name(const char *path, int flags, ...) {       \
    va_list rest;                                    \
    va_start(rest, flags);                           \
    mode_t mode = va_arg(rest, mode_t);              \
    va_end(rest);                                    \
    int fd = REAL(name)(path, flags, mode);          \
    opened(fd, path, flags);                         \
    return fd;                                       \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                       \
  int name(int folder, const char *path, int flags, ...) { \
    va_list rest;                                          \
    va_start(rest, flags);                                 \
    mode_t mode = va_arg(rest, mode_t);                    \
    va_end(rest);                                          \
    int fd = REAL(name)(folder, path, flags, mode);        \
    opened(fd, path, flags);                               \
    return fd;                                             \
  }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
  pthread_mutex_lock(&line);
  if (fd >= 0 && fd < FDS && paths[fd]) {
    free(paths[fd]);
    paths[fd] = NULL;
  }
  pthread_mutex_unlock(&line);
  return REAL(close)(fd);
}

static void wrote(int fd, const void *data, ssize_t done, off_t at) {
  char header[1200];
  snprintf(header, sizeof header, "write\t%s\t%lld\t%zd\n", of(fd), (long long)at, done);
  put(header, data, (size_t)done);
}

ssize_t write(int fd, const void *data, size_t length) {
  if (!of(fd)) return REAL(write)(fd, data, length);
  pthread_mutex_lock(&line);
  struct stat now;
  off_t at = lseek(fd, 0, SEEK_CUR);
  if ((fcntl(fd, F_GETFL) & O_APPEND) && fstat(fd, &now) == 0) at = now.st_size;
  ssize_t done = REAL(write)(fd, data, length);
  if (done > 0) wrote(fd, data, done, at);
  pthread_mutex_unlock(&line);
  return done;
}

#define PWRITE(name, offset)                                                  \
  ssize_t name(int fd, const void *data, size_t length, offset at) {          \
    if (!of(fd)) return REAL(name)(fd, data, length, at);                     \
    pthread_mutex_lock(&line);                                                \
    ssize_t done = REAL(name)(fd, data, length, at);                          \
    if (done > 0) wrote(fd, data, done, at);                                  \
    pthread_mutex_unlock(&line);                                              \
    return done;                                                              \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

static void said(const char *what, const char *path, const char *other, long long number) {
  char header[2400];
  snprintf(header, sizeof header, "%s\t%s\t%lld\t%zu\n", what, path, number,
           other ? strlen(other) : 0);
  put(header, other, other ? strlen(other) : 0);
}

#define ONE(name, word, number, ...)                       \
  if (!of(fd)) return REAL(name)(__VA_ARGS__);             \
  pthread_mutex_lock(&line);                               \
  int answer = REAL(name)(__VA_ARGS__);                    \
  if (answer == 0) said(word, of(fd), NULL, number);       \
  pthread_mutex_unlock(&line);                             \
  return answer;

int fsync(int fd) { ONE(fsync, "sync", 0, fd) }
int fdatasync(int fd) { ONE(fdatasync, "sync", 0, fd) }
int ftruncate(int fd, off_t size) { ONE(ftruncate, "truncate", size, fd, size) }
int ftruncate64(int fd, off64_t size) { ONE(ftruncate64, "truncate", size, fd, size) }

int rename(const char *from, const char *to) {
  if (!ours(from)) return REAL(rename)(from, to);
  pthread_mutex_lock(&line);
  int answer = REAL(rename)(from, to);
  if (answer == 0) said("rename", from, to, 0);
  pthread_mutex_unlock(&line);
  return answer;
}

int unlink(const char *path) {
  if (!ours(path)) return REAL(unlink)(path);
  pthread_mutex_lock(&line);
  int answer = REAL(unlink)(path);
  if (answer == 0) said("unlink", path, NULL, 0);
  pthread_mutex_unlock(&line);
  return answer;
}
