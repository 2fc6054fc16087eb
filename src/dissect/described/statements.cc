// Statements: what steers, and what is told.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "dissect/described/compiler.h"

namespace dissect::described {

namespace {

constexpr std::string_view kVerbs[] = {
    "field", "skip",   "let",    "if",   "switch", "repeat",   "within",  "use",      "message",
    "also",  "object", "status", "tell", "issue",  "checksum", "require", "remember", "recall"};
constexpr std::string_view kKinds[] = {"request", "response", "one-way"};
constexpr std::string_view kIssues[] = {"truncated", "malformed", "violation", "unsupported"};
constexpr std::string_view kConfidences[] = {"guess", "banner", "neighbor", "protocol"};
constexpr std::string_view kAbout[] = {"sender", "receiver"};

std::vector<std::string_view> fact_names() {
  std::vector<std::string_view> all;
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(Fact::Gateway); ++i)
    all.push_back(fact_name(static_cast<Fact>(i)));
  return all;
}

}  // namespace

BlockId Compiler::block(Node& node, std::string_view member) {
  const base::json::Value* const value = node.take(member);
  if (value != nullptr) return block(*value, node.path_to(member));
  node.problem(fmt::format("\"{}\" is missing", member));
  return 0;
}

std::optional<BlockId> Compiler::optional_block(Node& node, std::string_view member) {
  if (!node.has(member)) {
    node.take(member);
    return std::nullopt;
  }
  return block(node, member);
}

BlockId Compiler::block(const base::json::Value& value, const Path& path) {
  const auto id = static_cast<BlockId>(program_.blocks.size());
  program_.blocks.emplace_back();
  const base::json::Value::Array* const list = value.if_array();
  if (list == nullptr) {
    source_.problem(path, "has to be a list of statements");
    return id;
  }
  if (nesting_ == kMostNesting) {
    source_.problem(path, fmt::format("nested more than {} times", kMostNesting));
    return id;
  }
  ++nesting_;
  std::vector<Statement> made;
  for (std::size_t i = 0; i < list->size(); ++i) {
    Path inner = path;
    inner.push_back(std::to_string(i));
    if (++statements_ > kMostStatements) {
      if (statements_ == kMostStatements + 1)
        source_.problem(inner, fmt::format("more than {} statements", kMostStatements));
      break;
    }
    Node node(source_, (*list)[i], std::move(inner));
    statement(node, made);
  }
  --nesting_;
  program_.blocks[id] = std::move(made);
  return id;
}

void Compiler::statement(Node& node, std::vector<Statement>& out) {
  const auto* const verb =
      std::ranges::find_if(kVerbs, [&node](std::string_view one) { return node.has(one); });
  const bool commented = node.take("comment") != nullptr;
  if (verb == std::end(kVerbs)) {
    if (commented) return node.done();
    node.problem(fmt::format("a statement has one of: {}", fmt::join(kVerbs, ", ")));
    return;
  }
  const bool flows = verb < std::ranges::find(kVerbs, "message");
  if (flows) {
    flow_statement(*verb, node, out);
  } else {
    telling_statement(*verb, node, out);
  }
  node.done();
}

void Compiler::flow_statement(std::string_view verb, Node& node, std::vector<Statement>& out) {
  if (verb == "field") {
    out.emplace_back(field(node));
  } else if (verb == "skip") {
    out.emplace_back(Skip{expression(node, "skip")});
  } else if (verb == "let") {
    out.emplace_back(let(node));
  } else if (verb == "if") {
    If made{expression(node, "if"), block(node, "then"), std::nullopt};
    made.otherwise = optional_block(node, "else");
    out.emplace_back(std::move(made));
  } else if (verb == "switch") {
    out.emplace_back(choice(node));
  } else if (verb == "repeat") {
    out.emplace_back(repeat(node));
  } else if (verb == "within") {
    Expression count = expression(node, "within");
    out.emplace_back(Within{std::move(count), block(node, "do")});
  } else if (const auto used = use(node)) {
    out.emplace_back(Use{*used});
  }
}

void Compiler::telling_statement(std::string_view verb, Node& node, std::vector<Statement>& out) {
  if (verb == "message") {
    out.emplace_back(message(node, true));
  } else if (verb == "also") {
    out.emplace_back(message(node, false));
  } else if (verb == "object") {
    out.emplace_back(object(node));
  } else if (verb == "status") {
    out.emplace_back(status(node));
  } else if (verb == "tell") {
    out.emplace_back(fact(node));
  } else if (verb == "issue") {
    out.emplace_back(issue(node));
  } else if (verb == "checksum") {
    out.emplace_back(checksum(node));
  } else if (verb == "require") {
    Expression condition = expression(node, "require");
    out.emplace_back(Require{std::move(condition), node.text("otherwise")});
  } else if (verb == "remember") {
    out.emplace_back(remember(node));
  } else {
    out.emplace_back(recall(node));
  }
}

Let Compiler::let(Node& node) {
  const std::string name = node.text("let");
  Expression value = expression(node, "be");
  const bool show = node.flag("show", false);
  const Enumeration* const names = names_of(node);
  return Let{declare(node, "let", name, Slot::Kind::Number, names), std::move(value), show};
}

Switch Compiler::choice(Node& node) {
  Switch made{expression(node, "switch"), {}, std::nullopt};
  cases(node, made.cases);
  made.otherwise = optional_block(node, "default");
  return made;
}

// {"1, 3-5": [...]}
void Compiler::cases(Node& node, std::vector<Case>& out) {
  const base::json::Value* const all = node.take("cases");
  if (all == nullptr || all->if_object() == nullptr) {
    node.problem("\"cases\" has to be an object of numbers and lists of statements");
    return;
  }
  Node inner(source_, *all, node.path_to("cases"));
  for (const base::json::Member& one : *all->if_object()) {
    const BlockId then = block(one.value, inner.path_to(one.name));
    for (std::string_view rest = one.name; !rest.empty();) {
      const std::size_t comma = rest.find(',');
      const auto span = span_of(rest.substr(0, comma));
      if (!span || span->from > span->to) {
        inner.problem(one.name, fmt::format("\"{}\" is no number, range or list", one.name));
        break;
      }
      out.push_back({{span->from, span->to}, then});
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  std::ranges::sort(out, {}, [](const Case& one) { return one.range.from; });
  for (std::size_t i = 1; i < out.size(); ++i) {
    if (out[i].range.from <= out[i - 1].range.to)
      inner.problem(fmt::format("{} is in two cases", out[i].range.from));
  }
}

Repeat Compiler::repeat(Node& node) {
  Repeat made;
  made.times = optional_expression(node, "times");
  made.most = static_cast<std::uint32_t>(node.number("most", 64, 1, kMostRounds));
  made.block = block(node, "repeat");
  // Behind the block: what it reads steers whether it is done again.
  made.condition = optional_expression(node, "while");
  return made;
}

std::optional<BlockId> Compiler::use(Node& node) {
  const std::string name = node.text("use");
  if (const auto known = used_.find(name); known != used_.end()) {
    if (!known->second) node.problem("use", fmt::format("\"{}\" uses itself", name));
    return known->second;
  }
  const base::json::Value* const value =
      named_blocks_ == nullptr ? nullptr : named_blocks_->find(name);
  if (value == nullptr) {
    node.problem("use", fmt::format("there is no \"{}\" in \"blocks\"", name));
    return std::nullopt;
  }
  used_[name] = std::nullopt;
  const BlockId made = block(*value, {"blocks", name});
  used_[name] = made;
  return made;
}

Remember Compiler::remember(Node& node) {
  Expression key = expression(node, "key");
  return {std::move(key), numbers_of(node, "remember")};
}

Recall Compiler::recall(Node& node) {
  Expression key = expression(node, "key");
  Recall made{std::move(key), numbers_of(node, "recall"), std::nullopt};
  if (node.has("found")) {
    made.found = declare(node, "found", node.text("found"), Slot::Kind::Number, nullptr);
  }
  return made;
}

Tell Compiler::message(Node& node, bool begins) {
  Tell made;
  if (begins) {
    const std::string kind = node.text("message");
    made.kind = static_cast<Kind>(choose(node, "message", kind, kKinds));
  } else {
    node.flag("also", true);
  }
  if (node.has("operation")) made.operation = known_slot(node, "operation");
  if (node.has("sub_operation")) made.sub_operation = known_slot(node, "sub_operation");
  made.name = node.text_or("name", "");
  made.code = optional_expression(node, "code");
  if (node.has("access")) made.access = access_of(node, "access");
  made.key = optional_expression(node, "key");
  made.unit = optional_expression(node, "unit");
  made.bytes = optional_expression(node, "bytes");
  made.last = optional_expression(node, "last");
  for (const auto& slot : {made.operation, made.sub_operation}) {
    if (slot && program_.slots[*slot].kind != Slot::Kind::Number)
      node.problem(fmt::format("\"{}\" is not a whole number", program_.slots[*slot].name));
  }
  return made;
}

AddObject Compiler::object(Node& node) {
  AddObject made;
  made.space = node.text("object");
  if (node.has("name")) made.name = text_template(node, "name");
  made.first = optional_expression(node, "first");
  made.count = optional_expression(node, "count");
  return made;
}

SetStatus Compiler::status(Node& node) {
  SetStatus made;
  made.slot = known_slot(node, "status").value_or(0);
  for (const Node::Span& span : node.numbers("ok", INT64_MIN, INT64_MAX))
    made.ok.push_back({span.from, span.to});
  if (made.ok.empty()) made.ok.push_back({0, 0});
  return made;
}

TellFact Compiler::fact(Node& node) {
  TellFact made;
  made.fact = static_cast<Fact>(choose(node, "tell", node.text("tell"), fact_names()));
  made.value = text_template(node, "value");
  made.confidence = static_cast<Confidence>(
      choose(node, "confidence", node.text_or("confidence", "protocol"), kConfidences));
  made.about = static_cast<About>(choose(node, "about", node.text_or("about", "sender"), kAbout));
  made.rack = optional_expression(node, "rack");
  made.slot = optional_expression(node, "slot");
  return made;
}

Report Compiler::issue(Node& node) {
  Report made;
  made.kind = static_cast<Issue::Kind>(choose(node, "issue", node.text("issue"), kIssues));
  made.what = node.text("what");
  made.code = optional_expression(node, "code");
  return made;
}

}  // namespace dissect::described
