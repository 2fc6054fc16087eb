#include "dissect/described/machine.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "dissect/text.h"

namespace dissect::described {

namespace {

bool within(const std::vector<Range>& ranges, std::int64_t value) {
  return std::ranges::any_of(
      ranges, [value](const Range& one) { return value >= one.from && value <= one.to; });
}

std::int64_t extend_sign(std::uint64_t raw, std::uint8_t width) {
  if (width == 0 || width >= 8) return static_cast<std::int64_t>(raw);
  const unsigned int shift = 64U - 8U * width;
  return static_cast<std::int64_t>(raw << shift) >> shift;
}

double real_of(std::uint64_t raw, std::uint8_t width) {
  return width == 4 ? static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(raw)))
                    : std::bit_cast<double>(raw);
}

void append_text(std::string& to, base::ByteView bytes) {
  const std::string_view text = base::as_text(bytes);
  const bool plain = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
  if (plain && text.size() <= 256) {
    to += text;
  } else {
    to += printable(text);
  }
}

}  // namespace

void Memory::remember(Side asker, std::int64_t key, const Kept& values) {
  if (ring_.size() < kMost) {
    ring_.push_back({asker, key, values});
    return;
  }
  ring_[next_] = {asker, key, values};
  next_ = (next_ + 1) % kMost;
}

const Memory::Kept* Memory::recall(Side asker, std::int64_t key) const {
  for (std::size_t i = 0; i < ring_.size(); ++i) {
    const One& one = ring_[(next_ + ring_.size() - 1 - i) % ring_.size()];
    if (one.asker == asker && one.key == key) return &one.values;
  }
  return nullptr;
}

Machine::End Machine::run(BlockId id, const Input& input, Sink* sink) {
  input_ = input;
  sink_ = sink;
  reader_ = Reader(input.bytes);
  base_ = 0;
  depth_ = 0;
  nesting_ = 0;
  steps_ = 0;
  end_ = End::Done;
  problem_ = "";
  told_ = false;
  reported_ = false;
  open_ = false;
  std::ranges::fill(values_, Value{});
  block(id);
  return end_;
}

void Machine::finish(std::uint32_t default_bytes) {
  if (!open_) return;
  open_ = false;
  if (!sized_) message_.bytes = default_bytes;
  if (sink_ != nullptr) sink_->message(message_);
}

std::int64_t Machine::value_of(Name name) const {
  switch (name.kind) {
    case Name::Kind::Slot:
      return values_[name.slot].number;
    case Name::Kind::Size:
      return static_cast<std::int64_t>(input_.size);
    case Name::Kind::Left:
      return static_cast<std::int64_t>(reader_.remaining());
    case Name::Kind::At:
      return static_cast<std::int64_t>(base_ + reader_.offset());
    case Name::Kind::Next:
      return reader_.done() ? -1 : reader_.peek();
    case Name::Kind::FromServer:
      return input_.from_server ? 1 : 0;
  }
  std::unreachable();
}

struct Carry {
  Machine& machine;
  template <class Statement>
  void operator()(const Statement& statement) const {
    machine(statement);
  }
};

void Machine::block(BlockId id) {
  if (nesting_ == kMostDepth) return fail(End::TooMuch, "nested too deep");
  ++nesting_;
  for (const Statement& one : program_.blocks[id]) {
    if (++steps_ > kMostSteps) fail(End::TooMuch, "more than is carried out");
    if (end_ != End::Done) return;
    std::visit(Carry{*this}, one);
    if (end_ != End::Done) return;
  }
  --nesting_;
}

void Machine::fail(End end, const char* problem) {
  if (end_ != End::Done) return;
  end_ = end;
  problem_ = problem;
}

void Machine::out_of_bytes() {
  if (depth_ == 0) {
    fail(End::Truncated, "shorter than its fields");
  } else {
    fail(End::Failed, "a part that is shorter than its fields");
  }
}

void Machine::report(Issue::Kind kind, const char* what, std::int64_t code) {
  reported_ = true;
  if (sink_ == nullptr) return;
  sink_->issue(
      {kind, what, static_cast<std::uint32_t>(code), static_cast<std::uint32_t>(offset())});
}

void Machine::operator()(const ReadField& field) {
  switch (field.type) {
    case ReadField::Type::Unsigned:
    case ReadField::Type::Signed:
    case ReadField::Type::Real:
      return read_number(field);
    case ReadField::Type::Bytes:
    case ReadField::Type::Text:
    case ReadField::Type::TextZ:
      return read_bytes(field);
  }
}

void Machine::read_number(const ReadField& field) {
  const std::uint64_t raw = field.little ? reader_.little(field.width) : reader_.big(field.width);
  if (!reader_.ok()) return out_of_bytes();
  Value& value = values_[field.slot];
  const bool show = field.show && sink_ != nullptr && sink_->wants_details();
  if (field.type == ReadField::Type::Real) {
    value.real = real_of(raw, field.width);
    if (show) sink_->real(program_.slots[field.slot].name, value.real);
    return;
  }
  const bool is_signed = field.type == ReadField::Type::Signed;
  value.number = is_signed ? extend_sign(raw, field.width) : static_cast<std::int64_t>(raw);
  if (show) show_number(field.slot, is_signed);
  for (const Bits& one : field.bits) {
    values_[one.slot].number = static_cast<std::int64_t>(raw >> one.shift & one.mask);
    if (show) show_number(one.slot, false);
  }
  if (!field.is.empty() && !within(field.is, value.number))
    fail(End::Failed, field.otherwise.c_str());
}

void Machine::read_bytes(const ReadField& field) {
  std::size_t count = reader_.remaining();
  bool ends = false;
  if (field.type == ReadField::Type::TextZ) {
    const std::string_view rest = base::as_text(reader_.rest());
    const std::size_t zero = rest.find('\0');
    if (zero == std::string_view::npos) return out_of_bytes();
    count = zero;
    ends = true;
  } else if (field.length) {
    const std::int64_t wanted = evaluate(*field.length);
    if (wanted < 0) return fail(End::Failed, "a negative length");
    if (static_cast<std::uint64_t>(wanted) > count) return out_of_bytes();
    count = static_cast<std::size_t>(wanted);
  }
  Value& value = values_[field.slot];
  value.bytes = reader_.bytes(count);
  if (ends) reader_.skip(1);
  if (field.show && sink_ != nullptr && sink_->wants_details()) {
    const std::string& name = program_.slots[field.slot].name;
    if (field.type == ReadField::Type::Bytes) {
      sink_->bytes(name, value.bytes);
    } else {
      sink_->text(name, printable(value.bytes));
    }
  }
  if (!field.is_text.empty() && base::as_text(value.bytes) != field.is_text)
    fail(End::Failed, field.otherwise.c_str());
}

void Machine::show_number(SlotId slot, bool is_signed) {
  const std::int64_t number = values_[slot].number;
  const std::string& name = program_.slots[slot].name;
  if (is_signed && number < 0) {
    sink_->real(name, static_cast<double>(number));
  } else {
    sink_->number(name, static_cast<std::uint64_t>(number));
  }
}

void Machine::operator()(const Skip& skip) {
  const std::int64_t count = evaluate(skip.count);
  if (count < 0) return fail(End::Failed, "a negative length");
  if (static_cast<std::uint64_t>(count) > reader_.remaining()) return out_of_bytes();
  reader_.skip(static_cast<std::size_t>(count));
}

void Machine::operator()(const Let& let) {
  values_[let.slot].number = evaluate(let.value);
  if (let.show && sink_ != nullptr && sink_->wants_details()) show_number(let.slot, true);
}

void Machine::operator()(const If& condition) {
  if (evaluate(condition.condition) != 0) {
    block(condition.then);
  } else if (condition.otherwise) {
    block(*condition.otherwise);
  }
}

void Machine::operator()(const Switch& choice) {
  const std::int64_t value = evaluate(choice.value);
  const auto after = std::ranges::upper_bound(choice.cases, value, {},
                                              [](const Case& one) { return one.range.from; });
  if (after != choice.cases.begin() && std::prev(after)->range.to >= value) {
    block(std::prev(after)->block);
  } else if (choice.otherwise) {
    block(*choice.otherwise);
  }
}

void Machine::operator()(const Repeat& repeat) {
  std::int64_t times = INT64_MAX;
  if (repeat.times) times = evaluate(*repeat.times);
  for (std::int64_t round = 0; round < times; ++round) {
    if (!repeat.times && reader_.done()) return;
    if (round == static_cast<std::int64_t>(repeat.most))
      return fail(End::TooMuch, "more repetitions than are read");
    const std::size_t before = reader_.offset();
    block(repeat.block);
    if (end_ != End::Done) return;
    if (repeat.condition && evaluate(*repeat.condition) == 0) return;
    // Without a count, only bytes come to an end.
    if (!repeat.times && reader_.offset() == before) return;
  }
}

void Machine::operator()(const Within& within) {
  const std::int64_t count = evaluate(within.count);
  if (count < 0) return fail(End::Failed, "a negative length");
  if (static_cast<std::uint64_t>(count) > reader_.remaining()) return out_of_bytes();
  const std::size_t outer_base = base_;
  const std::size_t begin = base_ + reader_.offset();
  Reader outer = reader_;
  reader_ = outer.sub(static_cast<std::size_t>(count));
  base_ = begin;
  ++depth_;
  block(within.block);
  if (end_ != End::Done) return;  // offset() says where
  --depth_;
  base_ = outer_base;
  reader_ = outer;
}

const Entry* Machine::entry_of(SlotId slot) const {
  const Enumeration* const names = program_.slots[slot].names;
  if (names == nullptr) return nullptr;
  const auto found = std::ranges::lower_bound(*names, values_[slot].number, {}, &Entry::code);
  return found != names->end() && found->code == values_[slot].number ? &*found : nullptr;
}

void Machine::operation(SlotId slot, Operation& into) {
  into.code = static_cast<std::uint32_t>(values_[slot].number);
  const Entry* const entry = entry_of(slot);
  if (entry == nullptr) return;
  into.name = entry->name;
  if (entry->access != Access::None) message_.access = entry->access;
}

void Machine::operator()(const Tell& tell) {
  if (tell.kind) {
    finish(static_cast<std::uint32_t>(input_.size));
    message_ = Message{};
    message_.kind = *tell.kind;
    if (objects_ != nullptr) objects_->begin();
    open_ = true;
    told_ = true;
    sized_ = false;
  }
  if (tell.operation) operation(*tell.operation, message_.operation);
  if (tell.sub_operation) operation(*tell.sub_operation, message_.sub_operation);
  if (!tell.name.empty()) message_.operation.name = tell.name;
  if (tell.code) message_.operation.code = static_cast<std::uint32_t>(evaluate(*tell.code));
  if (tell.access) message_.access = *tell.access;
  if (tell.key) message_.key = static_cast<std::uint64_t>(evaluate(*tell.key));
  if (tell.unit) message_.unit = static_cast<std::uint32_t>(evaluate(*tell.unit));
  if (tell.last) message_.last = evaluate(*tell.last) != 0;
  if (!tell.bytes) return;
  message_.bytes = static_cast<std::uint32_t>(evaluate(*tell.bytes));
  sized_ = true;
}

std::string_view Machine::render(const Template& pieces) {
  scratch_.clear();
  for (const Piece& one : pieces) {
    scratch_ += one.literal;
    if (one.form == Piece::Form::None) continue;
    const Value& value = values_[one.slot];
    const Slot& slot = program_.slots[one.slot];
    const Entry* const entry = one.form == Piece::Form::Name ? entry_of(one.slot) : nullptr;
    if (entry != nullptr) {
      scratch_ += entry->name;
    } else if (slot.kind == Slot::Kind::Text && one.form != Piece::Form::Hex) {
      append_text(scratch_, value.bytes);
    } else if (slot.kind == Slot::Kind::Text || slot.kind == Slot::Kind::Bytes) {
      scratch_ += hex(value.bytes);
    } else if (slot.kind == Slot::Kind::Real) {
      fmt::format_to(std::back_inserter(scratch_), "{}", value.real);
    } else if (one.form == Piece::Form::Hex) {
      fmt::format_to(std::back_inserter(scratch_), "{:x}",
                     static_cast<std::uint64_t>(value.number));
    } else {
      fmt::format_to(std::back_inserter(scratch_), "{}", value.number);
    }
  }
  return scratch_;
}

void Machine::operator()(const AddObject& object) {
  if (!open_ || sink_ == nullptr || objects_ == nullptr) return;
  Object made;
  made.space = object.space;
  if (!object.name.empty()) made.name = objects_->compose({render(object.name)});
  if (object.first) made.first = static_cast<std::uint64_t>(evaluate(*object.first));
  if (object.count) made.count = static_cast<std::uint32_t>(evaluate(*object.count));
  objects_->add(message_, *sink_, made);
}

void Machine::operator()(const SetStatus& status) {
  const std::int64_t value = values_[status.slot].number;
  const Entry* const entry = entry_of(status.slot);
  message_.status.outcome = within(status.ok, value) ? Outcome::Ok : Outcome::Failed;
  message_.status.code = static_cast<std::uint32_t>(value);
  message_.status.name = {};
  if (entry != nullptr) message_.status.name = entry->name;
}

void Machine::operator()(const TellFact& fact) {
  if (sink_ == nullptr) return;
  Evidence one;
  one.fact = fact.fact;
  one.confidence = fact.confidence;
  one.about = fact.about;
  one.value = render(fact.value);
  if (one.value.empty()) return;
  if (fact.rack) one.rack = static_cast<std::uint16_t>(evaluate(*fact.rack));
  if (fact.slot) one.slot = static_cast<std::uint16_t>(evaluate(*fact.slot));
  sink_->evidence(one);
}

void Machine::operator()(const Report& one) {
  report(one.kind, one.what.c_str(), one.code ? evaluate(*one.code) : 0);
}

void Machine::operator()(const Check& check) {
  const std::size_t width = checksum_bytes(check.kind);
  const std::int64_t here = value_of({Name::Kind::At, 0});
  const std::int64_t at = check.at ? evaluate(*check.at) : here;
  const std::int64_t from = check.from ? evaluate(*check.from) : 0;
  const std::int64_t to = check.to ? evaluate(*check.to) : at;
  const auto all = static_cast<std::int64_t>(input_.bytes.size());
  // What was captured in part cannot be checked.
  if (input_.bytes.size() < input_.size) return;
  if (at < 0 || from < 0 || from > to || to > all || at > all - static_cast<std::int64_t>(width))
    return out_of_bytes();
  if (!check.at) {
    reader_.skip(width);
    if (!reader_.ok()) return out_of_bytes();
  }
  Reader found(input_.bytes.subspan(static_cast<std::size_t>(at), width));
  const std::uint64_t told = check.little ? found.little(width) : found.big(width);
  values_[check.slot].number = static_cast<std::int64_t>(told);
  if (sink_ != nullptr) sink_->number(program_.slots[check.slot].name, told);
  const base::ByteView over =
      input_.bytes.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from));
  if (checksum(check.kind, over) != told) fail(End::Failed, "checksum that is wrong");
}

void Machine::operator()(const Require& require) {
  if (evaluate(require.condition) == 0) fail(End::Failed, require.otherwise.c_str());
}

void Machine::operator()(const Remember& remember) {
  if (memory_ == nullptr || sink_ == nullptr) return;
  Memory::Kept kept{};
  for (std::size_t i = 0; i < remember.slots.size(); ++i)
    kept[i] = values_[remember.slots[i]].number;
  memory_->remember(input_.side, evaluate(remember.key), kept);
}

void Machine::operator()(const Recall& recall) {
  const Memory::Kept* const kept =
      memory_ == nullptr ? nullptr : memory_->recall(other(input_.side), evaluate(recall.key));
  if (recall.found) values_[*recall.found].number = kept != nullptr ? 1 : 0;
  if (kept == nullptr) return;
  for (std::size_t i = 0; i < recall.slots.size(); ++i)
    values_[recall.slots[i]].number = (*kept)[i];
}

}  // namespace dissect::described
