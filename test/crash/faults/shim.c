// Stands between a program and the operating system: notes calls about files below one directory, and makes one fail.
//
//   SHIM_DIR   only files below it are looked at
//   SHIM_LOG   a file; each call is a line: its name, how it went, and the file it was about
//   SHIM_PLAN  name:n:eio fails the n-th call of the name, name:n:exit ends the process before it; `any` is every name

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *dir;
static size_t dir_length;
static int log_fd = -1;
static char plan_name[32];
static long plan_at = -1;
static int plan_exits;
static long count;

__attribute__((constructor)) static void begin(void) {
  dir = getenv("SHIM_DIR");
  dir_length = dir == NULL ? 0 : strlen(dir);
  const char *log = getenv("SHIM_LOG");
  if (log != NULL) {
    log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
  const char *plan = getenv("SHIM_PLAN");
  char action[8] = "";
  if (plan != NULL && sscanf(plan, "%31[a-z]:%ld:%7[a-z]", plan_name, &plan_at, action) == 3) {
    plan_exits = strcmp(action, "exit") == 0;
  }
}

static int is_ours(const char *path) {
  return dir_length > 0 && strncmp(path, dir, dir_length) == 0;
}

static int path_of(int fd, char *path, size_t size) {
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_ours(path);
}

static void note(const char *name, const char *outcome, const char *path) {
  if (log_fd < 0) return;
  char line[4200];
  int length = snprintf(line, sizeof line, "%s %s %s\n", name, outcome, path);
  syscall(SYS_write, log_fd, line, length);
}

// True when the call is to fail.
static int fails(const char *name, const char *path) {
  if (plan_at < 0 || (strcmp(plan_name, "any") != 0 && strcmp(plan_name, name) != 0)) return 0;
  if (__atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST) != plan_at) return 0;
  note(name, plan_exits ? "exit" : "planned", path);
  if (plan_exits) syscall(SYS_exit_group, 99);
  errno = EIO;
  return 1;
}

#define REAL(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

#define ON_FD(function, name, fd, call)                              \
  char path[4096];                                                   \
  if (!path_of(fd, path, sizeof path)) return REAL(function) call;   \
  if (fails(name, path)) return -1;                                  \
  ssize_t result = REAL(function) call;                              \
  int error = errno;                                                 \
  note(name, result < 0 ? "failed" : "ok", path);                    \
  errno = error;                                                     \
  return result;

#define ON_PATH(function, name, path, call)            \
  if (!is_ours(path)) return REAL(function) call;      \
  if (fails(name, path)) return -1;                    \
  int result = REAL(function) call;                    \
  int error = errno;                                   \
  note(name, result < 0 ? "failed" : "ok", path);      \
  errno = error;                                       \
  return result;

int fdatasync(int fd) { ON_FD(fdatasync, "fdatasync", fd, (fd)) }
int fsync(int fd) { ON_FD(fsync, "fsync", fd, (fd)) }
int ftruncate64(int fd, off64_t length) { ON_FD(ftruncate64, "ftruncate", fd, (fd, length)) }
int ftruncate(int fd, off_t length) { ON_FD(ftruncate, "ftruncate", fd, (fd, length)) }
ssize_t write(int fd, const void *bytes, size_t size) {
  ON_FD(write, "write", fd, (fd, bytes, size))
}
ssize_t writev(int fd, const struct iovec *parts, int many) {
  ON_FD(writev, "writev", fd, (fd, parts, many))
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  ON_FD(pwrite64, "pwrite", fd, (fd, bytes, size, at))
}
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  ON_FD(pwrite, "pwrite", fd, (fd, bytes, size, at))
}
ssize_t pwritev64(int fd, const struct iovec *parts, int many, off64_t at) {
  ON_FD(pwritev64, "pwritev", fd, (fd, parts, many, at))
}
ssize_t pwritev(int fd, const struct iovec *parts, int many, off_t at) {
  ON_FD(pwritev, "pwritev", fd, (fd, parts, many, at))
}
int rename(const char *from, const char *to) { ON_PATH(rename, "rename", to, (from, to)) }
int unlink(const char *path) { ON_PATH(unlink, "unlink", path, (path)) }
int rmdir(const char *path) { ON_PATH(rmdir, "rmdir", path, (path)) }
int mkdir(const char *path, mode_t mode) { ON_PATH(mkdir, "mkdir", path, (path, mode)) }

#define OPEN_MODE                                           \
  mode_t mode = 0;                                          \
  if ((flags & O_CREAT) != 0) {                             \
    va_list rest;                                           \
    va_start(rest, flags);                                  \
    mode = va_arg(rest, mode_t);                            \
    va_end(rest);                                           \
  }

int open64(const char *path, int flags, ...) {
  OPEN_MODE
  ON_PATH(open64, "open", path, (path, flags, mode))
}
int open(const char *path, int flags, ...) {
  OPEN_MODE
  ON_PATH(open, "open", path, (path, flags, mode))
}
