/* What a kernel with binfmt_misc does: programs for aarch64 are started under qemu. Loaded into the device's shell. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*starter)(const char *, char *const[], char *const[]);

int execve(const char *path, char *const argv[], char *const env[]) {
  starter start = (starter)dlsym(RTLD_NEXT, "execve");
  Elf64_Ehdr head;
  int file = open(path, O_RDONLY | O_CLOEXEC), count = 0;
  const char *qemu = getenv("DEVICE_QEMU");
  ssize_t got = file < 0 ? -1 : read(file, &head, sizeof head);
  if (file >= 0) close(file);
  if (!qemu || access(path, X_OK) || got != sizeof head || memcmp(head.e_ident, ELFMAG, SELFMAG) ||
      head.e_machine != EM_AARCH64)
    return start(path, argv, env);
  while (argv[count]) count++;
  const char *emulated[count + 3];
  emulated[0] = qemu;
  emulated[1] = path;
  for (int i = 1; i <= count; i++) emulated[i + 1] = argv[i];
  return start(qemu, (char *const *)emulated, env);
}
