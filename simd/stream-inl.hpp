// Few queries, many keys: keys and values are read once, as the user gave them, in tiles of tile_keys. Up to 15
// dimensions (columns) a tile is turned so that lanes are keys; from 16 on lanes lie along a key (value). Sums per tile
// in T, in 16 virtual lanes, then in double.

inline constexpr std::size_t long_row = 16;

// columns[c][j] = rows[j][c] for a tile; unused keys repeat the last one. Returns columns.
template <class T>
inline const T* transpose(const T* rows, std::size_t stride, std::size_t count, std::size_t cols, T* columns) {
  for (std::size_t c = 0; c < cols; ++c)
    for (std::size_t j = 0; j < tile_keys; ++j)
      columns[c * tile_keys + j] = rows[(j < count ? j : count - 1) * stride + c];
  return columns;
}

template <class T>
inline void stream_distances(const StreamTask<T>& task, const T* keys, const T* values, std::size_t count, T* e) {
  if (task.dims >= long_row) {
    for (std::size_t j = 0; j < count; ++j) {
      Group<T> s = broadcast_group(T(0));
      const T* key = keys + j * task.key_stride;
      // The values of a tile are read column by column, against the grain of memory: have them come meanwhile.
      const T* value = values + j * task.value_stride;
      for (std::size_t c = 0; c < task.cols; c += 64 / sizeof(T)) __builtin_prefetch(value + c);
      // The tail is padded with copies of nothing: difference 0.
      std::size_t d = 0;
      const auto add = [&](const T* k, const T* q, const T* scale) {
        for (std::size_t i = 0; i < s.registers; ++i) {
          const std::size_t at = i * Lanes<T>::size;
          const Lanes<T> delta = (load_lanes(q + at) - load_lanes(k + at)) * load_lanes(scale + at);
          s.r[i] = fma(delta, delta, s.r[i]);
        }
      };
      for (; d + 16 <= task.dims; d += 16) add(key + d, task.query + d, task.scale + d);
      if (d < task.dims) {
        T k[16], q[16], scale[16];
        for (std::size_t i = 0; i < 16; ++i) {
          const bool inside = d + i < task.dims;
          k[i] = inside ? key[d + i] : T(0);
          q[i] = inside ? task.query[d + i] : T(0);
          scale[i] = inside ? task.scale[d + i] : T(0);
        }
        add(k, q, scale);
      }
      e[j] = sum_of(s);
    }
    for (std::size_t j = count; j < tile_keys; ++j) e[j] = T(0);
    return;
  }
  const T* columns = keys;
  if (task.dims > 1 || task.key_stride > 1 || count < tile_keys)
    columns = transpose(keys, task.key_stride, count, task.dims, task.scratch);
  for (std::size_t j = 0; j < tile_keys; j += Lanes<T>::size) {
    Lanes<T> s(T(0));
    for (std::size_t d = 0; d < task.dims; ++d) {
      const Lanes<T> delta =
          (Lanes<T>(task.query[d]) - load_lanes(columns + d * tile_keys + j)) * Lanes<T>(task.scale[d]);
      s = fma(delta, delta, s);
    }
    store_lanes(e + j, s);
  }
}

template <class T>
inline void check_distance(const StreamTask<T>& task, Lanes<T> distance) {
  T distances[Lanes<T>::size];
  store_lanes(distances, distance);
  for (const T e : distances)
    if (!(e <= Float<T>::largest)) *task.irregular = true;
}

template <class T>
inline void widen_range(const StreamTask<T>& task, std::size_t column, Group<T> low, const Group<T>& high) {
  task.largest[column] = max_of(high);
  for (auto& r : low.r) r = Lanes<T>(T(0)) - r;
  task.smallest[column] = -max_of(low);
}

template <class T>
inline void stream_values(const StreamTask<T>& task, const T* values, std::size_t count, const T* w) {
  if (task.cols >= long_row) {
    std::size_t c = 0;
    const auto add = [&](const T* v, std::size_t stride, std::size_t n) {  // 16 columns from c on, n of them real
      Group<T> s = broadcast_group(T(0)), low, high, origin;
      T staged[16];
      for (std::size_t i = 0; i < 16; ++i) staged[i] = i < n ? task.origin[c + i] : T(0);
      origin = load_group(staged);
      for (std::size_t i = 0; i < 16; ++i) staged[i] = i < n ? task.smallest[c + i] : T(0);
      low = load_group(staged);
      for (std::size_t i = 0; i < 16; ++i) staged[i] = i < n ? task.largest[c + i] : T(0);
      high = load_group(staged);
      for (std::size_t j = 0; j < count; ++j, v += stride) {
        const T* row = v;
        if (n < 16) {
          for (std::size_t i = 0; i < 16; ++i) staged[i] = i < n ? v[i] : T(0);
          row = staged;
        }
        const Lanes<T> weight(w[j]);
        for (std::size_t i = 0; i < s.registers; ++i) {
          const Lanes<T> x = load_lanes(row + i * Lanes<T>::size) - origin.r[i];
          s.r[i] = fma(weight, x, s.r[i]);
          low.r[i] = min(x, low.r[i]);
          high.r[i] = max(x, high.r[i]);
        }
      }
      store_group(task.smallest + c, low, n);
      store_group(task.largest + c, high, n);
      store_group(staged, s);
      for (std::size_t i = 0; i < n; ++i) task.sums[1 + c + i] += staged[i];
    };
    for (; c + 16 <= task.cols; c += 16) add(values + c, task.value_stride, 16);
    if (c < task.cols) add(values + c, task.value_stride, task.cols - c);
    return;
  }
  const T* columns = values;
  if (task.cols > 1 || task.value_stride > 1 || count < tile_keys)
    columns = transpose(values, task.value_stride, count, task.cols, task.scratch + task.dims * tile_keys);
  for (std::size_t c = 0; c < task.cols; ++c) {
    Group<T> s = broadcast_group(T(0)), low = broadcast_group(task.smallest[c]),
             high = broadcast_group(task.largest[c]);
    const Lanes<T> origin(task.origin[c]);
    for (std::size_t j = 0; j < tile_keys; j += 16)
      for (std::size_t i = 0; i < s.registers; ++i) {
        const std::size_t at = j + i * Lanes<T>::size;
        const Lanes<T> x = load_lanes(columns + c * tile_keys + at) - origin;
        s.r[i] = fma(load_lanes(w + at), x, s.r[i]);
        low.r[i] = min(x, low.r[i]);
        high.r[i] = max(x, high.r[i]);
      }
    task.sums[1 + c] += sum_of(s);
    widen_range(task, c, low, high);
  }
}

// Whole tiles of one-dimensional keys and one column: no weight is stored, and lanes are folded once at the end.
template <class T>
inline void stream_line(const StreamTask<T>& task, std::size_t count) {
  constexpr std::size_t N = Lanes<T>::size;
  const Lanes<T> query(task.query[0]), factor(task.scale[0]), origin(task.origin[0]), limit(largest_exponent<T>);
  Group<T> low = broadcast_group(task.smallest[0]), high = broadcast_group(task.largest[0]);
  Lanes<T> distance(T(0));
  T totals[4][16] = {};  // w: hi, lo; w * value: hi, lo
  for (std::size_t key = 0; key < count; key += tile_keys) {
    Group<T> weight = broadcast_group(T(0)), weighted = weight;
    const T *keys = task.keys + key * task.key_stride, *values = task.values + key * task.value_stride;
    if (task.key_stride > 1) keys = transpose(keys, task.key_stride, tile_keys, 1, task.scratch);
    if (task.value_stride > 1) values = transpose(values, task.value_stride, tile_keys, 1, task.scratch + tile_keys);
    for (std::size_t j = 0; j < tile_keys; j += 16) {
      // A kilobyte ahead: 7 % less on a million keys. Waiting operations keep the core from looking so far.
      __builtin_prefetch(keys + j + 1024 / sizeof(T));
      __builtin_prefetch(values + j + 1024 / sizeof(T));
      for (std::size_t i = 0; i < weight.registers; ++i) {
        const Lanes<T> delta = (query - load_lanes(keys + j + i * N)) * factor;
        const Lanes<T> e = delta * delta;
        distance = distance + e;
        const Lanes<T> w = exp2_of_minus<T>(min(e, limit));
        const Lanes<T> x = load_lanes(values + j + i * N) - origin;
        weight.r[i] = weight.r[i] + w;
        weighted.r[i] = fma(w, x, weighted.r[i]);
        low.r[i] = min(x, low.r[i]);
        high.r[i] = max(x, high.r[i]);
      }
    }
    for (std::size_t i = 0; i < weight.registers; ++i) {
      add_to_total(totals[0] + i * N, totals[1] + i * N, weight.r[i]);
      add_to_total(totals[2] + i * N, totals[3] + i * N, weighted.r[i]);
    }
  }
  for (int i = 0; i < 16; ++i) {
    task.sums[0] += static_cast<double>(totals[0][i]) + static_cast<double>(totals[1][i]);
    task.sums[1] += static_cast<double>(totals[2][i]) + static_cast<double>(totals[3][i]);
  }
  check_distance(task, distance);
  widen_range(task, 0, low, high);
}

template <class T>
void stream(const StreamTask<T>& task) noexcept {
  T* w = task.scratch + (task.dims + task.cols) * tile_keys;
  std::size_t key = 0;
  if (task.dims == 1 && task.cols == 1) {
    key = task.key_count / tile_keys * tile_keys;
    stream_line(task, key);
  }
  for (; key < task.key_count; key += tile_keys) {
    const std::size_t count = task.key_count - key < tile_keys ? task.key_count - key : tile_keys;
    stream_distances(task, task.keys + key * task.key_stride, task.values + key * task.value_stride, count, w);
    Group<T> total = broadcast_group(T(0));
    Lanes<T> distance(T(0));
    for (std::size_t j = 0; j < tile_keys; j += 16)
      for (std::size_t i = 0; i < total.registers; ++i) {
        T* p = w + j + i * Lanes<T>::size;
        const Lanes<T> e = load_lanes(p);
        distance = distance + e;
        store_lanes(p, exp2_of_minus<T>(min(e, Lanes<T>(largest_exponent<T>))));
      }
    for (std::size_t j = count; j < tile_keys; ++j) w[j] = T(0);
    for (std::size_t j = 0; j < tile_keys; j += 16)
      for (std::size_t i = 0; i < total.registers; ++i)
        total.r[i] = total.r[i] + load_lanes(w + j + i * Lanes<T>::size);
    task.sums[0] += sum_of(total);
    check_distance(task, distance);
    stream_values(task, task.values + key * task.value_stride, count, w);
  }
}
