// The grid plan's three steps (see routine_table.hpp). Lanes are powers of the last local coordinate, 8 virtual lanes on
// every ISA, so that a sum has the same order whatever the register width. R registers make a row.

using Wide = Lanes<double>;
inline constexpr std::size_t wide = Wide::size;

// powers[i] = t^i for a row. Each is the same product on every ISA: t^(i mod 2) * t^(2 (i/2 mod 2)) * .. * t^(8 ..).
template <int R>
inline void row_of_powers(double t, Wide* powers) {
  static constexpr double bit[3][8] = {{0, 1, 0, 1, 0, 1, 0, 1}, {0, 0, 1, 1, 0, 0, 1, 1}, {0, 0, 0, 0, 1, 1, 1, 1}};
  const Wide one(1.0), half(0.5);
  double square = t;
  powers[0] = one;
  std::size_t level = 0, lane = 1;
  for (; lane < wide; ++level, lane *= 2, square *= square)
    powers[0] = powers[0] * if_less<double>(half, load_lanes(bit[level]), Wide(square), one);
  for (std::size_t registers = 1; registers < R; registers *= 2, square *= square)
    for (std::size_t i = 0; i < registers; ++i) powers[registers + i] = powers[i] * Wide(square);
}

// products[row] = t_0^i_0 * .. over all dimensions but the last.
inline void outer_powers(const CellShape& shape, const double* t, std::size_t stride, double* products) {
  products[0] = 1;
  std::size_t count = 1;
  for (std::size_t d = 0; d + 1 < shape.dims; ++d) {
    // In place from the back: entry i becomes `terms` entries.
    double powers[most_terms];
    powers[0] = 1;
    for (std::size_t i = 1; i < shape.terms; ++i) powers[i] = powers[i - 1] * t[d * stride];
    for (std::size_t i = count; i-- > 0;) {
      const double p = products[i];
      for (std::size_t j = 0; j < shape.terms; ++j) products[i * shape.terms + j] = p * powers[j];
    }
    count *= shape.terms;
  }
}

// Points of many cells of one row a plane, as they come: cells are few enough to stay in the caches.
template <int R>
inline void spread_scattered(const SpreadTask& task) {
  const CellShape& shape = task.shape;
  const std::size_t stride = shape.dims + shape.planes;
  for (std::size_t k = 0; k < task.count; ++k) {
    const double* point = task.points + k * stride;
    double* moment = task.moments + task.cell[k] * shape.planes * R * wide;
    Wide powers[R];
    row_of_powers<R>(point[shape.dims - 1], powers);
    for (std::size_t plane = 0; plane < shape.planes; ++plane, moment += R * wide) {
      const Wide factor(point[shape.dims + plane]);
      for (int r = 0; r < R; ++r) store_lanes(moment + r * wide, fma(factor, powers[r], load_lanes(moment + r * wide)));
    }
  }
}

// Points of one cell, four at a time, so that a moment is loaded and stored once for four multiply-adds.
template <int R>
inline void spread_rows(const SpreadTask& task) {
  constexpr int points = 4;
  const CellShape& shape = task.shape;
  const std::size_t stride = shape.dims + shape.planes;
  alignas(64) double products[points][most_terms * most_terms];
  Wide powers[points][R];
  for (std::size_t k = 0; k < task.count; k += points) {
    const double* factors[points];
    bool missing[points];
    for (int p = 0; p < points; ++p) {
      missing[p] = k + p >= task.count;
      const double* point = task.points + (missing[p] ? k : k + p) * stride;
      factors[p] = point + shape.dims;
      row_of_powers<R>(point[shape.dims - 1], powers[p]);
      outer_powers(shape, point, 1, products[p]);
    }
    double* moment = task.moments;
    for (std::size_t plane = 0; plane < shape.planes; ++plane) {
      Wide scaled[points][R];
      for (int p = 0; p < points; ++p)
        for (int r = 0; r < R; ++r) scaled[p][r] = powers[p][r] * Wide(missing[p] ? 0.0 : factors[p][plane]);
      for (std::size_t row = 0; row < shape.rows; ++row, moment += R * wide)
        for (int r = 0; r < R; ++r) {
          Wide m = load_lanes(moment + r * wide);
          for (int p = 0; p < points; ++p) m = fma(Wide(products[p][row]), scaled[p][r], m);
          store_lanes(moment + r * wide, m);
        }
    }
  }
}

// target[o][i][.] += sum_j matrix[j][i] * source[o][j][.]: a dimension that is not the last, of `outer` slices.
template <int R>
inline void translate_outer(const TranslateTask& task, std::size_t outer, std::size_t inner, const double* source,
                            const double* matrix) {
  const std::size_t terms = task.shape.terms, row = R * wide;
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t n = 0; n < inner; ++n) {
      const double* from = source + (o * terms * inner + n) * row;
      double* to = task.target + (o * terms * inner + n) * row;
      std::size_t i = 0;
      const auto outputs = [&]<int I>() {
        Wide sum[I][R];
        for (int a = 0; a < I; ++a)
          for (int r = 0; r < R; ++r) sum[a][r] = Wide(0.0);
        for (std::size_t j = 0; j < terms; ++j) {
          Wide x[R];
          for (int r = 0; r < R; ++r) x[r] = load_lanes(from + j * inner * row + r * wide);
          for (int a = 0; a < I; ++a) {
            const Wide m(matrix[j * row + i + a]);
            for (int r = 0; r < R; ++r) sum[a][r] = fma(m, x[r], sum[a][r]);
          }
        }
        for (int a = 0; a < I; ++a)
          for (int r = 0; r < R; ++r) {
            double* out = to + (i + a) * inner * row + r * wide;
            store_lanes(out, load_lanes(out) + sum[a][r]);
          }
      };
      for (; i + 4 <= terms; i += 4) outputs.template operator()<4>();
      for (; i < terms; ++i) outputs.template operator()<1>();
    }
}

// target[o][.] += sum_j matrix[j][.] * source[o][j]: the last dimension.
template <int R>
inline void translate_last(const TranslateTask& task, std::size_t outer, const double* source, const double* matrix) {
  const std::size_t terms = task.shape.terms, row = R * wide;
  std::size_t o = 0;
  const auto slices = [&]<int O>() {
    Wide sum[O][R];
    for (int a = 0; a < O; ++a)
      for (int r = 0; r < R; ++r) sum[a][r] = Wide(0.0);
    for (std::size_t j = 0; j < terms; ++j) {
      Wide m[R];
      for (int r = 0; r < R; ++r) m[r] = load_lanes(matrix + j * row + r * wide);
      for (int a = 0; a < O; ++a) {
        const Wide x(source[(o + a) * row + j]);
        for (int r = 0; r < R; ++r) sum[a][r] = fma(x, m[r], sum[a][r]);
      }
    }
    for (int a = 0; a < O; ++a)
      for (int r = 0; r < R; ++r) {
        double* out = task.target + (o + a) * row + r * wide;
        store_lanes(out, load_lanes(out) + sum[a][r]);
      }
  };
  for (; o + 4 <= outer; o += 4) slices.template operator()<4>();
  for (; o + 2 <= outer; o += 2) slices.template operator()<2>();
  for (; o < outer; ++o) slices.template operator()<1>();
}

template <int R>
inline void translate_rows(const TranslateTask& task) {
  const CellShape& shape = task.shape;
  // Slices before the dimension and rows behind it.
  std::size_t outer = shape.planes, inner = shape.rows;
  for (std::size_t d = 0; d < task.dim; ++d) outer *= shape.terms, inner /= shape.terms;
  for (std::size_t s = 0; s < task.source_count; ++s) {
    if (!task.occupied[s * task.occupied_stride]) continue;
    const double *source = task.source + s * task.source_stride, *matrix = task.matrices + s * shape.terms * R * wide;
    if (task.dim + 1 == shape.dims) {
      translate_last<R>(task, outer, source, matrix);
    } else {
      translate_outer<R>(task, outer, inner / shape.terms, source, matrix);
    }
  }
}

// The lanes of a row, folded: i + 8, i + 4, i + 2, i + 1.
template <int R>
inline double sum_of_row(Wide* x) {
  for (int half = R / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) x[i] = x[i] + x[i + half];
  double lane[wide];
  store_lanes(lane, x[0]);
  for (std::size_t half = wide / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}

template <int R>
inline void evaluate_rows(const EvaluateTask& task) {
  const CellShape& shape = task.shape;
  const std::size_t plane_size = shape.rows * R * wide, cell_size = shape.planes * plane_size;
  alignas(64) double products[most_terms * most_terms];
  for (std::size_t q = 0; q < task.count; ++q) {
    Wide powers[R];
    row_of_powers<R>(task.points[(shape.dims - 1) * query_block + q], powers);
    const double* cell = task.cells + task.cell[q] * cell_size;
    if (shape.dims > 1) outer_powers(shape, task.points + q, query_block, products);
    for (std::size_t plane = 0; plane < shape.planes; ++plane, cell += plane_size) {
      Wide sum[2][R];  // of even and odd rows: two chains of additions
      for (int r = 0; r < R; ++r) sum[0][r] = load_lanes(cell + r * wide);
      std::size_t row = 1;
      if (shape.rows > 1) {
        for (int r = 0; r < R; ++r) sum[1][r] = load_lanes(cell + (R + r) * wide) * Wide(products[1]);
        for (row = 2; row + 2 <= shape.rows; row += 2)
          for (int p = 0; p < 2; ++p)
            for (int r = 0; r < R; ++r)
              sum[p][r] = fma(Wide(products[row + p]), load_lanes(cell + ((row + p) * R + r) * wide), sum[p][r]);
        if (row < shape.rows)
          for (int r = 0; r < R; ++r)
            sum[0][r] = fma(Wide(products[row]), load_lanes(cell + (row * R + r) * wide), sum[0][r]);
        for (int r = 0; r < R; ++r) sum[0][r] = sum[0][r] + sum[1][r];
      }
      for (int r = 0; r < R; ++r) sum[0][r] = sum[0][r] * powers[r];
      task.sums[plane * query_block + q] = sum_of_row<R>(sum[0]);
    }
  }
}

// By Horner's rule, four queries at a time to hide the latency of their chains.
inline void evaluate_planes(const EvaluateTask& task) noexcept {
  constexpr std::size_t queries = 4;
  const CellShape& shape = task.shape;
  const std::size_t row = planes_row(shape.planes);
  for (std::size_t first = 0; first < task.count; first += queries) {
    const std::size_t here = task.count - first < queries ? task.count - first : queries;
    const double* cells[queries];
    Wide t[queries];
    for (std::size_t j = 0; j < queries; ++j) {
      const std::size_t q = first + (j < here ? j : 0);
      cells[j] = task.cells + task.cell[q] * shape.terms * row;
      t[j] = Wide(task.points[q]);
    }
    for (std::size_t plane = 0; plane < shape.planes; plane += wide) {
      Wide sum[queries];
      const std::size_t last = (shape.terms - 1) * row + plane;
      for (std::size_t j = 0; j < queries; ++j) sum[j] = load_lanes(cells[j] + last);
      for (std::size_t at = last; at >= row;) {
        at -= row;
        for (std::size_t j = 0; j < queries; ++j) sum[j] = fma(sum[j], t[j], load_lanes(cells[j] + at));
      }
      double lanes[queries][wide];
      for (std::size_t j = 0; j < queries; ++j) store_lanes(lanes[j], sum[j]);
      const std::size_t planes = shape.planes - plane < wide ? shape.planes - plane : wide;
      for (std::size_t p = 0; p < planes; ++p)
        for (std::size_t j = 0; j < here; ++j) task.sums[(plane + p) * query_block + first + j] = lanes[j][p];
    }
  }
}

// A row is 8 or 16 doubles.
inline constexpr int narrow_row = grid_lanes / wide, broad_row = 2 * grid_lanes / wide;

inline void spread(const SpreadTask& task) noexcept {
  if (task.cell) {
    return task.shape.row == grid_lanes ? spread_scattered<narrow_row>(task) : spread_scattered<broad_row>(task);
  }
  task.shape.row == grid_lanes ? spread_rows<narrow_row>(task) : spread_rows<broad_row>(task);
}
inline void translate(const TranslateTask& task) noexcept {
  task.shape.row == grid_lanes ? translate_rows<narrow_row>(task) : translate_rows<broad_row>(task);
}
inline void evaluate(const EvaluateTask& task) noexcept {
  task.shape.row == grid_lanes ? evaluate_rows<narrow_row>(task) : evaluate_rows<broad_row>(task);
}
