#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kql/ast/arena.h"
#include "kql/source.h"
#include "kql/value.h"

// The query as written: names are only text here, nothing is known of types or columns.
namespace kql::ast {

struct Expr;
struct Query;

struct Name {
  std::string text;
  Span span;
};

// name = value; (a, b) = value; or just value.
struct Assignment {
  std::vector<Name> names;
  const Expr* value = nullptr;
  Span span;
};

// --- expressions ---

struct Literal {
  Value value;
};
struct NameRef {
  std::string name;
};
struct Member {  // base.name
  const Expr* base;
  Name name;
};
struct Index {  // base[index]
  const Expr* base;
  const Expr* index;
};
struct Call {
  Name name;
  std::vector<Assignment> arguments;  // pack-like functions and aggregates may name them
};
struct Negate {
  const Expr* operand;
};
enum class BinaryOp : std::uint8_t { Add, Subtract, Multiply, Divide, Modulo };
struct Binary {
  BinaryOp op;
  Span op_span;
  const Expr* left;
  const Expr* right;
};
// a and b and c: one node, however many operands.
struct Logic {
  bool all;  // and; else or
  std::vector<const Expr*> operands;
};
enum class CompareOp : std::uint8_t { Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual };
struct Compare {
  CompareOp op;
  Span op_span;
  const Expr* left;
  const Expr* right;
};
// =~, has, contains_cs...: always on strings.
enum class TextOp : std::uint8_t {
  EqualNoCase,
  Has,
  HasPrefix,
  HasSuffix,
  Contains,
  StartsWith,
  EndsWith,
  MatchesRegex,
};
struct TextMatch {
  TextOp op;
  bool case_sensitive;
  bool negated;
  Span op_span;
  const Expr* left;
  const Expr* right;
};
enum class SetOp : std::uint8_t { In, HasAny, HasAll };
struct SetMatch {
  SetOp op;
  bool case_sensitive;
  bool negated;
  Span op_span;
  const Expr* left;
  std::vector<const Expr*> items;
};
struct Between {
  bool negated;
  Span op_span;
  const Expr* value;
  const Expr* low;
  const Expr* high;
};
struct Star {};
struct TypeOf {
  Type type;
};
struct NamedType {  // of a lambda's or a datatable's column
  Name name;
  Type type;
};

// --- tabular operators ---

struct Where {
  const Expr* predicate;
};
struct Extend {
  std::vector<Assignment> columns;
};
struct Project {
  std::vector<Assignment> columns;
};
// A name, possibly with '*' in it.
struct Pattern {
  Name name;
  // project-reorder: a* asc
  std::optional<bool> descending;
};
enum class ColumnPick : std::uint8_t { Away, Keep, Reorder };
struct ProjectPick {
  ColumnPick pick;
  std::vector<Pattern> patterns;
};
struct ProjectRename {
  std::vector<Assignment> columns;
};
struct Summarize {
  std::vector<Assignment> aggregates;
  std::vector<Assignment> keys;
};
struct Distinct {
  std::vector<Assignment> columns;
  bool all;
};
struct Take {
  const Expr* count;
};
struct Sample {
  const Expr* count;
};
struct Count {};
struct SortKey {
  const Expr* value;
  bool descending = true;
  std::optional<bool> nulls_first;
};
struct Sort {
  std::vector<SortKey> keys;
};
struct Top {
  const Expr* count;
  SortKey key;
};
// kind=inner hint.strategy=...: a word after an operator's name.
struct Property {
  Name name;
  Name value;
};
struct Join {
  bool lookup;
  std::vector<Property> properties;
  const Expr* right;
  std::vector<const Expr*> conditions;
};
struct ExpandItem {
  Assignment item;
  std::optional<Type> to;
};
struct MvExpand {
  std::vector<Property> properties;
  std::vector<ExpandItem> items;
  const Expr* limit = nullptr;
};
struct MvApply {
  std::vector<Property> properties;
  std::vector<ExpandItem> items;
  const Expr* limit = nullptr;
  const Expr* body = nullptr;  // a Pipeline whose source is the expanded rows
};
struct Union {
  std::vector<Property> properties;
  std::vector<const Expr*> tables;
};
struct As {
  Name name;
};
struct Serialize {
  std::vector<Assignment> columns;
};
struct Render {
  Name kind;
  std::vector<Property> properties;
};
// parse kind=... Text with "x=" X:long "," *
struct ParsePiece {
  std::optional<Value> text;      // a literal, or
  std::optional<NamedType> name;  // a column to fill, or neither: '*'
  Span span;
};
struct Parse {
  bool filter;  // parse-where
  std::vector<Property> properties;
  const Expr* input;
  std::vector<ParsePiece> pieces;
};
struct Search {
  const Expr* predicate;
  std::vector<const Expr*> tables;
};
struct GetSchema {};
// parse-kv Text as (a:string) with (pair_delimiter=",")
struct ParseKv {
  const Expr* input = nullptr;
  std::vector<NamedType> columns;
  std::vector<Property> properties;
};
struct SeriesAggregate {
  Assignment value;
  const Expr* otherwise = nullptr;  // default=
};
struct MakeSeries {
  std::vector<SeriesAggregate> aggregates;
  Assignment axis;
  const Expr* from = nullptr;
  const Expr* to = nullptr;
  const Expr* step = nullptr;
  bool inclusive = false;  // of `to`
  std::vector<Assignment> keys;
};
struct NestedLevel {
  const Expr* count = nullptr;  // nullptr: all
  Assignment key;
  const Expr* others = nullptr;
  Assignment by;
  bool descending = true;
};
struct TopNested {
  std::vector<NestedLevel> levels;
};
// evaluate bag_unpack(d) : (*, a:string)
struct Evaluate {
  const Expr* call = nullptr;  // a Call
  bool typed = false;          // the columns are named
  bool keep = false;           // '*': the input's, too
  std::vector<NamedType> columns;
};
struct Invoke {
  const Expr* call;  // a Call
};
// partition by a (top 1 by b)
struct Partition {
  Assignment key;
  const Expr* body = nullptr;  // a Pipeline whose source is the rows of one key
};
// reduce by a with threshold=0.1, characters="-_"
struct Reduce {
  std::vector<Property> properties;
  const Expr* by = nullptr;
  const Expr* threshold = nullptr;
  const Expr* characters = nullptr;
};
struct ScanColumn {
  Name name;
  Type type = Type::Dynamic;
  const Expr* otherwise = nullptr;
};
// step s1 output=last: a > 1 => x = s0.a;
struct ScanStep {
  Name name;
  enum class Output : std::uint8_t { All, Last, None };
  Output output = Output::All;
  const Expr* condition = nullptr;
  std::vector<Assignment> values;
};
// scan with_match_id=m declare (x:long=0) with (step ...)
struct Scan {
  std::optional<Name> match_id;
  std::vector<ScanColumn> declared;
  std::vector<ScanStep> steps;
};
struct SampleDistinct {
  const Expr* count;
  Assignment column;
};
// An operator that was not understood: already reported.
struct BadOperator {};

struct Operator {
  Span span;  // from the operator's name on
  Span name_span;
  std::variant<BadOperator, Where, Extend, Project, ProjectPick, ProjectRename, Summarize, Distinct,
               Take, Sample, Count, Sort, Top, Join, MvExpand, MvApply, Union, As, Serialize,
               Render, Parse, Search, GetSchema, ParseKv, MakeSeries, TopNested, Evaluate, Invoke,
               SampleDistinct, Partition, Reduce, Scan>
      form;
};

// --- tables as expressions ---

// source | operator | operator. Without a source, the rows come from around it: the catalogue's
// default table, or what mv-apply expands.
struct Pipeline {
  const Expr* source;
  std::vector<Operator> operators;
};
struct DataTable {
  std::vector<NamedType> columns;
  std::vector<const Expr*> values;
};
struct Print {
  std::vector<Assignment> columns;
};
struct Range {
  Name name;
  const Expr* from;
  const Expr* to;
  const Expr* step;
};
// union, search and find where a query starts.
struct SourceOperator {
  const Operator* op;
};
struct Parameter {
  Name name;
  Type type = Type::Dynamic;
  bool tabular = false;
  std::vector<NamedType> columns;  // of a tabular one; empty: any
  const Expr* otherwise = nullptr;
};
// (x:long) { ... } as the value of let.
struct Lambda {
  std::vector<Parameter> parameters;
  const Query* body;
};
// What could not be parsed: already reported.
struct Missing {};

struct Expr {
  Span span;
  std::variant<Missing, Literal, NameRef, Member, Index, Call, Negate, Binary, Logic, Compare,
               TextMatch, SetMatch, Between, Star, TypeOf, Pipeline, DataTable, Print, Range,
               SourceOperator, Lambda>
      form;
};

struct Let {
  Name name;
  const Expr* value;
};

// set query_bin_auto_size=1h;
struct Option {
  Name name;
  const Expr* value;
};

// let a = 1; let T = ...; T | ...
struct Query {
  std::vector<Option> options;
  std::vector<Parameter> parameters;  // declare query_parameters(...)
  std::vector<Let> lets;
  const Expr* body = nullptr;  // nullptr: nothing but lets
};

// Owns the nodes.
struct Tree {
  Arena<Expr> exprs;
  Arena<Operator> operators;
  Arena<Query> queries;
  const Query* query = nullptr;
};

}  // namespace kql::ast
