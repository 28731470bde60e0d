// The first process of the machine that tools/bochs/run starts. Each line of /runs is NAME=VALUE words for the environment,
// then the arguments of one run of /program. Prints RUN, its output, and how it ended; then switches the machine off.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { most_words = 64, bochs_port = 0x8900 };

static void run(char* line) {
  char* arguments[most_words + 2] = {"program"};
  int count = 1;
  for (char* word = strtok(line, " \n"); word != NULL && count <= most_words; word = strtok(NULL, " \n")) {
    if (count == 1 && word[0] != '-' && strchr(word, '=') != NULL)
      putenv(word);
    else
      arguments[count++] = word;
  }
  execv("/program", arguments);
  perror("/program");
  _exit(127);
}

int main(void) {
  mkdir("/proc", 0755);
  mkdir("/tmp", 0777);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
  FILE* runs = fopen("/runs", "re");
  if (runs == NULL) perror("/runs");
  char line[4096];
  while (runs != NULL && fgets(line, sizeof line, runs) != NULL) {
    puts("RUN");
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) run(line);
    int status = 0;
    waitpid(child, &status, 0);
    printf("\nEND %d\n", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
    fflush(stdout);
  }
  puts("OFF");
  fflush(stdout);
  tcdrain(STDOUT_FILENO);
  usleep(300000);  // the last bytes are still in the serial port
  if (ioperm(bochs_port, 1, 1) == 0)
    for (const char* c = "Shutdown"; *c != 0; ++c) outb(*c, bochs_port);
  for (;;) pause();
}
