/* A program that behaves as LiteRT's benchmark_model: it takes the same flags, reads the model and writes the same lines.
 *
 * It knows no operations: an "inference" is a pass over the model's bytes, once for every thread that is not there, so
 * that timings are real, grow with the model, and shrink with threads. Its GPU delegate takes nothing of any graph.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const char *graph, *unknown[32];
static int num_runs = 50, warmup_runs = 1, num_threads = 1, use_gpu, use_xnnpack, unknown_count;
static double min_secs = 1, warmup_min_secs = 0.5, max_secs = 150;
static volatile uint64_t sink;

static int64_t now_us(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000LL + at.tv_nsec / 1000;
}

static double resident_mb(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024.0;
}

static int text(const char *argument, const char *name, const char **value) {
  size_t length = strlen(name);
  if (strncmp(argument, name, length) || argument[length] != '=') return 0;
  *value = argument + length + 1;
  return 1;
}

static void parse(const char *argument) {
  const char *value;
  if (text(argument, "--graph", &value)) graph = value;
  else if (text(argument, "--num_runs", &value)) num_runs = atoi(value);
  else if (text(argument, "--warmup_runs", &value)) warmup_runs = atoi(value);
  else if (text(argument, "--num_threads", &value)) num_threads = atoi(value);
  else if (text(argument, "--min_secs", &value)) min_secs = atof(value);
  else if (text(argument, "--warmup_min_secs", &value)) warmup_min_secs = atof(value);
  else if (text(argument, "--max_secs", &value)) max_secs = atof(value);
  else if (text(argument, "--use_gpu", &value)) use_gpu = !strcmp(value, "true");
  else if (text(argument, "--use_xnnpack", &value)) use_xnnpack = !strcmp(value, "true");
  else unknown[unknown_count++] = argument;
}

static int by_value(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

static int64_t run(const uint8_t *model, long size, int at_least, double least, double *mean) {
  int64_t *taken = NULL, first = 0, low = INT64_MAX, high = 0, sum = 0, last = 0, begun = now_us();
  double squares = 0;
  int count = 0;
  fprintf(stderr, "INFO: Running benchmark for at least %d iterations and at least %g seconds but terminate if exceeding %g seconds.\n",
          at_least, least, max_secs);
  while ((count < at_least || now_us() < begun + least * 1e6) && now_us() <= begun + max_secs * 1e6) {
    int64_t start = now_us();
    for (int pass = 0; pass < 8 / num_threads; pass++)
      for (long i = 0; i < size; i++) sink = sink * 31 + model[i];
    last = now_us() - start;
    if (!count) first = last;
    low = last < low ? last : low;
    high = last > high ? last : high;
    sum += last;
    squares += (double)last * last;
    taken = realloc(taken, (count + 1) * sizeof *taken);
    taken[count++] = last;
  }
  *mean = (double)sum / count;
  double variance = squares / count - *mean * *mean;
  qsort(taken, count, sizeof *taken, by_value);
  if (low == high)
    fprintf(stderr, "INFO: count=%d curr=%lld%s", count, (long long)last, count > 1 ? "(all same)" : "");
  else {
    int64_t std = 0;
    while ((std + 1) * (std + 1) <= variance) std++;
    fprintf(stderr, "INFO: count=%d first=%lld curr=%lld min=%lld max=%lld avg=%g std=%lld", count, (long long)first,
            (long long)last, (long long)low, (long long)high, *mean, (long long)std);
  }
  fprintf(stderr, " p5=%lld median=%lld p95=%lld\n\n", (long long)taken[count * 5 / 100],
          (long long)taken[count / 2], (long long)taken[count * 95 / 100]);
  free(taken);
  return first;
}

int main(int argc, char **argv) {
  fprintf(stderr, "INFO: STARTING!\n");
  for (int i = 1; i < argc; i++) parse(argv[i]);
  if (unknown_count) {
    fprintf(stderr, "WARN: Unconsumed cmdline flags:");
    for (int i = 0; i < unknown_count; i++) fprintf(stderr, " %s", unknown[i]);
    fprintf(stderr, "\n");
  }
  double at_start = resident_mb();
  int64_t begun = now_us();
  FILE *file = graph ? fopen(graph, "rb") : NULL;
  if (!file) {
    fprintf(stderr, "ERROR: Failed to load model %s\n", graph ? graph : "");
    return 1;
  }
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  uint8_t *model = malloc(size);
  if (fread(model, 1, size, file) != (size_t)size || size < 8 || memcmp(model + 4, "TFL3", 4)) {
    fprintf(stderr, "ERROR: The model is not a valid Flatbuffer file\nERROR: Failed to load model %s\n", graph);
    return 1;
  }
  fclose(file);
  fprintf(stderr, "INFO: Loaded model %s\n", graph);
  if (use_gpu)
    fprintf(stderr, "INFO: Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate.\n");
  if (use_xnnpack)
    fprintf(stderr, "INFO: Explicitly applied XNNPACK delegate, and the model graph will be partially executed by the delegate w/ 3 delegate kernels.\n");
  int64_t init = now_us() - begun;
  double after_init = resident_mb(), warmup, mean;
  fprintf(stderr, "INFO: The input model file size (MB): %g\nINFO: Initialized session in %gms.\n", size / 1e6, init / 1e3);
  int64_t first = run(model, size, warmup_runs, warmup_min_secs, &warmup);
  run(model, size, num_runs, min_secs, &mean);
  fprintf(stderr, "INFO: Inference timings in us: Init: %lld, First inference: %lld, Warmup (avg): %g, Inference (avg): %g\n",
          (long long)init, (long long)first, warmup, mean);
  fprintf(stderr, "INFO: Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the "
                  "actual memory footprint of the model at runtime. Take the information at your discretion.\n");
  fprintf(stderr, "INFO: Memory footprint delta from the start of the tool (MB): init=%g overall=%g\n",
          after_init - at_start, resident_mb() - at_start);
  return 0;
}
