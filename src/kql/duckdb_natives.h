#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <duckdb.h>

#include "kql/natives/native.h"

// The native functions in a DuckDB database. Header-only: this module does not link to DuckDB,
// those that run its SQL do.
namespace kql {
namespace natives {

inline Argument argument_of(duckdb_vector vector, char kind, idx_t row) {
  std::uint64_t* validity = duckdb_vector_get_validity(vector);
  if (validity != nullptr && !duckdb_validity_row_is_valid(validity, row)) return {};
  void* data = duckdb_vector_get_data(vector);
  switch (kind) {
    case 'L':
      return static_cast<std::int64_t*>(data)[row];
    case 'R':
      return static_cast<double*>(data)[row];
    case 'B':
      return static_cast<bool*>(data)[row];
    default: {
      duckdb_string_t* text = static_cast<duckdb_string_t*>(data) + row;
      return std::string_view(duckdb_string_t_data(text), duckdb_string_t_length(*text));
    }
  }
}

inline void store_outcome(duckdb_vector vector, idx_t row, const Outcome& outcome) {
  void* data = duckdb_vector_get_data(vector);
  if (const auto* text = std::get_if<std::string>(&outcome)) {
    duckdb_vector_assign_string_element_len(vector, row, text->data(), text->size());
  } else if (const auto* number = std::get_if<std::int64_t>(&outcome)) {
    static_cast<std::int64_t*>(data)[row] = *number;
  } else if (const auto* real = std::get_if<double>(&outcome)) {
    static_cast<double*>(data)[row] = *real;
  } else if (const auto* flag = std::get_if<bool>(&outcome)) {
    static_cast<bool*>(data)[row] = *flag;
  } else {
    duckdb_vector_ensure_validity_writable(vector);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
  }
}

// The kind of parameter number `index`; the last of a signature with '*' repeats.
inline char kind_of(const char* signature, std::size_t index) {
  const char* end = std::strpbrk(signature, "*:");
  const auto named = static_cast<std::size_t>(end - signature);
  return signature[index < named ? index : named - 1];
}

inline void call_native(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const auto* native = static_cast<const Native*>(duckdb_scalar_function_get_extra_info(info));
  const idx_t columns = duckdb_data_chunk_get_column_count(input);
  const idx_t rows = duckdb_data_chunk_get_size(input);
  std::vector<duckdb_vector> vectors;
  for (idx_t i = 0; i < columns; ++i)
    vectors.push_back(duckdb_data_chunk_get_vector(input, i));
  std::vector<Argument> arguments(columns);
  for (idx_t row = 0; row < rows; ++row) {
    for (idx_t i = 0; i < columns; ++i)
      arguments[i] = argument_of(vectors[i], kind_of(native->signature, i), row);
    store_outcome(output, row, native->call(arguments));
  }
}

inline duckdb_logical_type logical_type(char kind) {
  switch (kind) {
    case 'L':
      return duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    case 'R':
      return duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE);
    case 'B':
      return duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN);
    default: {
      duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
      // DuckDB's JSON is a VARCHAR of that name.
      if (kind == 'J') duckdb_logical_type_set_alias(type, "JSON");
      return type;
    }
  }
}

inline bool register_native(duckdb_connection connection, const Native& native) {
  duckdb_scalar_function function = duckdb_create_scalar_function();
  duckdb_scalar_function_set_name(function, native.name);
  const char* at = native.signature;
  for (; *at != '*' && *at != ':'; ++at) {
    // A repeated parameter may be missing altogether.
    duckdb_logical_type type = logical_type(*at == 'J' ? 'T' : *at);
    if (at[1] == '*') {
      duckdb_scalar_function_set_varargs(function, type);
    } else {
      duckdb_scalar_function_add_parameter(function, type);
    }
    duckdb_destroy_logical_type(&type);
  }
  duckdb_logical_type result = logical_type(*(std::strchr(at, ':') + 1));
  duckdb_scalar_function_set_return_type(function, result);
  duckdb_destroy_logical_type(&result);
  duckdb_scalar_function_set_special_handling(function);
  duckdb_scalar_function_set_extra_info(function, const_cast<Native*>(&native), nullptr);
  duckdb_scalar_function_set_function(function, call_native);
  const bool good = duckdb_register_scalar_function(connection, function) == DuckDBSuccess;
  duckdb_destroy_scalar_function(&function);
  return good;
}

}  // namespace natives

// Gives the database that the connection belongs to the functions that the prelude and compiled
// queries call: before the prelude, each time that it is opened. False: one was refused, which a
// second registration is, too.
inline bool register_natives(duckdb_connection connection) {
  for (const natives::Native& native : natives::all()) {
    if (!natives::register_native(connection, native)) return false;
  }
  return true;
}

}  // namespace kql
