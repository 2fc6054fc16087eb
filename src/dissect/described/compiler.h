#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dissect/described/expression.h"
#include "dissect/described/program.h"
#include "dissect/described/source.h"

namespace dissect::described {

// Makes a Program of a description (docs/reference/protocol-descriptions.md). Problems go to the
// source; without any, the program is whole.
class Compiler final : private Expression::Scope {
 public:
  Compiler(Source& source, Program& program) : source_(source), program_(program) {}

  void compile(const base::json::Value& description);

 private:
  // compiler.cc: what is there once
  void header(Node& top);
  void transports(Node& top);
  void enumerations(Node& top);
  void enumeration(Node& node, std::string_view name, const base::json::Value& value);
  void framing(Node& top);
  void escape(Node& top);
  void probe(Node& top);

  // statements.cc
  BlockId block(Node& node, std::string_view member);
  BlockId block(const base::json::Value& value, const Path& path);
  void statement(Node& node, std::vector<Statement>& out);
  void flow_statement(std::string_view verb, Node& node, std::vector<Statement>& out);
  void telling_statement(std::string_view verb, Node& node, std::vector<Statement>& out);
  std::optional<BlockId> optional_block(Node& node, std::string_view member);
  Let let(Node& node);
  Switch choice(Node& node);
  void cases(Node& node, std::vector<Case>& out);
  Repeat repeat(Node& node);
  std::optional<BlockId> use(Node& node);
  Remember remember(Node& node);
  Recall recall(Node& node);
  Tell message(Node& node, bool begins);
  AddObject object(Node& node);
  SetStatus status(Node& node);
  TellFact fact(Node& node);
  Report issue(Node& node);

  // fields.cc
  ReadField field(Node& node);
  void type(Node& node, ReadField& into, Slot::Kind& kind);
  bool number_type(std::string_view name, ReadField& into);
  void bits(Node& node, ReadField& into);
  void expectation(Node& node, ReadField& into);
  Check checksum(Node& node);
  bool little(Node& node);

  // names.cc
  SlotId declare(const Node& node, std::string_view member, const std::string& name,
                 Slot::Kind kind, const Enumeration* names);
  std::optional<SlotId> find_slot(std::string_view name) const;
  std::optional<SlotId> known_slot(Node& node, std::string_view member);
  std::vector<SlotId> numbers_of(Node& node, std::string_view member);
  const Enumeration* names_of(Node& node);
  base::Result<Name> find(std::string_view name) override;
  Expression expression(Node& node, std::string_view member);
  std::optional<Expression> optional_expression(Node& node, std::string_view member);
  Template text_template(Node& node, std::string_view member);

  Source& source_;
  Program& program_;
  std::map<std::string, SlotId, std::less<>> slots_;
  const base::json::Value* named_blocks_ = nullptr;
  std::map<std::string, std::optional<BlockId>, std::less<>> used_;  // none: being made
  std::size_t statements_ = 0;
  std::size_t nesting_ = 0;
  bool little_ = false;
};

// Which of `names` the text is; 0 with a problem that says what there is to choose from.
std::size_t choose(const Node& node, std::string_view member, std::string_view text,
                   std::span<const std::string_view> names);

// The access class that the member names; None when it is not there.
Access access_of(Node& node, std::string_view member);

}  // namespace dissect::described
