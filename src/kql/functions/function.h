#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kql/types.h"

// Every function of the language as one declarative entry per overload: what it is called, what it
// takes, and the SQL that means the same. The binder chooses by type, the emitter fills in the
// arguments, and the reference page is generated from the same entries.
namespace kql::functions {

enum class Kind : std::uint8_t { Scalar, Aggregate, Window };

// How a column that holds the call's value is named when the query does not say.
enum class Naming : std::uint8_t {
  None,           // Column1
  FirstArgument,  // tostring(a.b): a_b
  NameAndFirst,   // sum(x): sum_x
  Prefix,         // the entry's prefix alone
};

// When the SQL can be NULL, beyond the types' own rule that strings never are.
enum class Nulls : std::uint8_t {
  Propagate,  // exactly when an argument is
  Sometimes,  // also for other values: a conversion that can fail
  Never,
};

// One overload, as written in the tables.
struct Entry {
  std::string_view name;
  // "(source: string, start: long, length: long): string". Types are KQL's, and:
  //   text   any scalar, converted to string first
  //   any    any scalar, as it is
  //   T      any scalar, of one common type with the other Ts; as a result: that type
  //   N      like T, of int, long, real and decimal
  //   O      like T, of what can be ordered: no dynamic
  // "name: type..." takes one or more; "const" before the type wants a literal.
  std::string_view signature;
  // {0}, {1}... are the arguments' SQL, {*} all of them with commas, {*1} those after the first,
  // {order} an aggregate's ORDER BY, {T} the SQL type of the common type.
  std::string_view sql;
  Naming naming = Naming::None;
  Nulls nulls = Nulls::Propagate;
  // One sentence for the reference page; on the first overload.
  std::string_view summary = {};
  Kind kind = Kind::Scalar;
  // How names derived from an aggregate start where that is not its own name: make_set(x): set_x.
  std::string_view prefix = {};
};

enum class Generic : std::uint8_t { None, Text, Any, T, N, O };

struct Parameter {
  std::string_view name;
  Type type = Type::String;
  Generic generic = Generic::None;
  bool constant = false;
};

// An entry with its signature read.
struct Overload {
  const Entry* entry = nullptr;
  std::vector<Parameter> parameters;
  bool variadic = false;  // the last parameter repeats
  Type result = Type::String;
  Generic result_generic = Generic::None;

  // The parameter that argument `index` belongs to.
  const Parameter& parameter(std::size_t index) const {
    return parameters[index < parameters.size() ? index : parameters.size() - 1];
  }
  bool takes(std::size_t count) const {
    return variadic ? count >= parameters.size() : count == parameters.size();
  }
};

// All overloads of a name, in the order of preference; empty when there is no such function.
std::span<const Overload> find(std::string_view name, Kind kind);
// The names of a kind, sorted, each once.
const std::vector<std::string_view>& names(Kind kind);
// Functions that are no entries of the table: their arguments or results have a form of their own.
std::span<const std::string_view> special_names();
// The conversion from one type to another as an overload of one parameter: what tostring(),
// tolong() and so on do. nullptr when there is none.
const Overload* conversion(Type from, Type to);

// Whether it is tostring(), tolong() or one of their kind, which say what a value is as a type.
bool is_conversion(const Overload& overload);

// The parts of the table.
std::span<const Entry> conversions();
std::span<const Entry> text_functions();
std::span<const Entry> time_functions();
std::span<const Entry> number_functions();
std::span<const Entry> dynamic_functions();
std::span<const Entry> network_functions();
std::span<const Entry> encoding_functions();
std::span<const Entry> series_functions();
std::span<const Entry> aggregates();

}  // namespace kql::functions
