#include "store/event_functions.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "kql/ticks.h"
#include "store/event_details.h"
#include "store/event_search.h"

namespace store {
namespace {

using schema::FieldKind;

// The columns of a call before those of fields.
enum Argument : idx_t { kName, kTime, kForm, kRest, kFields };

// One vector of a chunk, flat. Texts live as long as the chunk.
class Values {
 public:
  Values(duckdb_data_chunk chunk, idx_t index) {
    const duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, index);
    data_ = duckdb_vector_get_data(vector);
    validity_ = duckdb_vector_get_validity(vector);
  }
  bool is_null(idx_t row) const {
    return validity_ != nullptr && !duckdb_validity_row_is_valid(validity_, row);
  }
  template <class T>
  T as(idx_t row) const {
    return static_cast<const T*>(data_)[row];
  }
  std::string_view text(idx_t row) const {
    auto* value = static_cast<duckdb_string_t*>(data_) + row;
    return {duckdb_string_t_data(value), duckdb_string_t_length(*value)};
  }

 private:
  void* data_;
  std::uint64_t* validity_;
};

void set_null(duckdb_vector output, idx_t row) {
  duckdb_vector_ensure_validity_writable(output);
  duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), row);
}

void set_text(duckdb_vector output, idx_t row, std::string_view text) {
  duckdb_vector_assign_string_element_len(output, row, text.data(), text.size());
}

void details_of_rows(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const auto columns = event_columns();
  const Values names(input, kName);
  const Values times(input, kTime);
  const Values forms(input, kForm);
  const Values rests(input, kRest);
  std::vector<Values> vectors;
  for (std::size_t i = 0; i < columns.size(); ++i)
    vectors.emplace_back(input, kFields + i);
  std::array<DetailsSplitter::Field, kMaxEventColumns> values;
  std::array<const DetailsSplitter::Field*, kMaxEventColumns> fields;
  DetailsJoiner joiner;
  std::string out;
  const idx_t rows = duckdb_data_chunk_get_size(input);
  for (idx_t row = 0; row < rows; ++row) {
    if (forms.is_null(row)) {
      if (rests.is_null(row)) {
        set_null(output, row);
      } else {
        set_text(output, row, rests.text(row));
      }
      continue;
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      fields[i] = vectors[i].is_null(row) ? nullptr : &values[i];
      if (fields[i] == nullptr) continue;
      if (columns[i].kind == FieldKind::Integer) {
        values[i].number = vectors[i].as<std::int64_t>(row);
      } else if (columns[i].kind == FieldKind::Boolean) {
        values[i].number = vectors[i].as<bool>(row) ? 1 : 0;
      } else {
        values[i].text = vectors[i].text(row);
      }
    }
    out.clear();
    joiner.join(names.text(row), times.as<std::int64_t>(row), forms.as<std::int32_t>(row),
                rests.text(row), fields.data(), out);
    set_text(output, row, out);
  }
}

// The arguments of event_time() and event_instant(), row by row.
class Times {
 public:
  explicit Times(duckdb_data_chunk input)
      : times_(input, 0), forms_(input, 1), written_(input, 2), local_(input, 3) {}

  // As written, where the row's text is kept whole.
  bool foreign(idx_t row) const { return forms_.is_null(row); }
  std::optional<std::string_view> text(idx_t row) const {
    return written_.is_null(row) ? std::nullopt : std::optional(written_.text(row));
  }
  // Else the time, and the offset that it is written with.
  std::optional<kql::Ticks> time(idx_t row) const {
    if (times_.is_null(row) || forms_.as<std::int32_t>(row) == kWithoutTimes) return std::nullopt;
    return times_.as<std::int64_t>(row);
  }
  std::int32_t offset(idx_t row) const {
    return local_.as<bool>(row) ? forms_.as<std::int32_t>(row) : 0;
  }

 private:
  Values times_;
  Values forms_;
  Values written_;
  Values local_;
};

void time_of_rows(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const Times times(input);
  std::string out;
  const idx_t rows = duckdb_data_chunk_get_size(input);
  for (idx_t row = 0; row < rows; ++row) {
    if (times.foreign(row)) {
      const auto text = times.text(row);
      if (text) {
        set_text(output, row, *text);
      } else {
        set_null(output, row);
      }
      continue;
    }
    const auto time = times.time(row);
    if (!time) {
      set_null(output, row);
      continue;
    }
    out.clear();
    append_details_time(*time, times.offset(row), out);
    set_text(output, row, out);
  }
}

void instant_of_rows(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const Times times(input);
  auto* out = static_cast<std::int64_t*>(duckdb_vector_get_data(output));
  const idx_t rows = duckdb_data_chunk_get_size(input);
  for (idx_t row = 0; row < rows; ++row) {
    std::optional<kql::Ticks> time;
    if (times.foreign(row)) {
      const auto text = times.text(row);
      if (text) time = kql::parse_datetime(*text);
    } else {
      time = times.time(row);
      // The text has milliseconds.
      if (time) *time -= *time % kql::kTicksPerMillisecond;
    }
    if (time) {
      out[row] = *time;
    } else {
      set_null(output, row);
    }
  }
}

template <DetailsSearch::Names names>
void may_contain(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const Values wanted(input, 0);
  const Values rests(input, 1);
  std::vector<Values> columns;
  for (idx_t i = 2; i < duckdb_data_chunk_get_column_count(input); ++i)
    columns.emplace_back(input, i);
  auto* out = static_cast<bool*>(duckdb_vector_get_data(output));
  const idx_t rows = duckdb_data_chunk_get_size(input);
  std::string_view text;
  std::optional<DetailsSearch> search;
  for (idx_t row = 0; row < rows; ++row) {
    if (!search || wanted.text(row) != text) search.emplace(text = wanted.text(row), names);
    out[row] = search->undecided() ||
               (!rests.is_null(row) && search->may_be_in_rest(rests.text(row))) ||
               std::ranges::any_of(columns, [&](const Values& column) {
                 return !column.is_null(row) && search->may_be_in_value(column.text(row));
               });
  }
}

duckdb_type type_of(FieldKind kind) {
  if (kind == FieldKind::Integer) return DUCKDB_TYPE_BIGINT;
  return kind == FieldKind::Boolean ? DUCKDB_TYPE_BOOLEAN : DUCKDB_TYPE_VARCHAR;
}

enum class Arity : std::uint8_t { Fixed, MoreTexts };

base::Result<void> add(duckdb_connection connection, const char* name,
                       const std::vector<duckdb_type>& parameters, duckdb_type result,
                       duckdb_scalar_function_t call, Arity arity = Arity::Fixed) {
  duckdb_scalar_function function = duckdb_create_scalar_function();
  duckdb_scalar_function_set_name(function, name);
  if (arity == Arity::MoreTexts) {
    duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    duckdb_scalar_function_set_varargs(function, text);
    duckdb_destroy_logical_type(&text);
  }
  for (const duckdb_type parameter : parameters) {
    duckdb_logical_type type = duckdb_create_logical_type(parameter);
    duckdb_scalar_function_add_parameter(function, type);
    duckdb_destroy_logical_type(&type);
  }
  duckdb_logical_type type = duckdb_create_logical_type(result);
  duckdb_scalar_function_set_return_type(function, type);
  duckdb_destroy_logical_type(&type);
  duckdb_scalar_function_set_special_handling(function);
  duckdb_scalar_function_set_function(function, call);
  const bool good = duckdb_register_scalar_function(connection, function) == DuckDBSuccess;
  duckdb_destroy_scalar_function(&function);
  if (good) return {};
  return base::fail(base::Code::Invalid, "event store", -1,
                    std::string("the function was refused: ") + name);
}

}  // namespace

base::Result<void> register_event_functions(duckdb_connection connection) {
  std::vector<duckdb_type> parameters = {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BIGINT,
                                         DUCKDB_TYPE_INTEGER, DUCKDB_TYPE_VARCHAR};
  for (const EventColumn& column : event_columns())
    parameters.push_back(type_of(column.kind));
  TRY(add(connection, "event_details", parameters, DUCKDB_TYPE_VARCHAR, details_of_rows));
  const std::vector<duckdb_type> times = {DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_INTEGER,
                                          DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BOOLEAN};
  TRY(add(connection, "event_time", times, DUCKDB_TYPE_VARCHAR, time_of_rows));
  TRY(add(connection, "event_instant", times, DUCKDB_TYPE_BIGINT, instant_of_rows));
  TRY(add(connection, "kql_object_may_contain", {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR},
          DUCKDB_TYPE_BOOLEAN, may_contain<DetailsSearch::Names::Among>, Arity::MoreTexts));
  return add(connection, "kql_object_may_say", {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR},
             DUCKDB_TYPE_BOOLEAN, may_contain<DetailsSearch::Names::Apart>, Arity::MoreTexts);
}

const std::string& event_details_call() {
  static const std::string call = [] {
    std::string out = "event_details(RawEventName, TimeStamp, DetailsForm, EventDetails";
    for (const EventColumn& column : event_columns())
      out.append(", ").append(column.column);
    return out + ")";
  }();
  return call;
}

}  // namespace store
