#include "shell/commands.h"

#include "shell/arena.h"
#include "shell/table.h"
#include "shell/walker.h"

namespace shell {

struct Commands::State {
  Arena arena;
  Table table;
  Walker walker{table, arena};
};

Commands::Commands() : state_(std::make_unique<State>()) {}
Commands::~Commands() = default;
Commands::Commands(Commands&&) noexcept = default;
Commands& Commands::operator=(Commands&&) noexcept = default;

void Commands::read(const Process& process) {
  state_->table.clear();
  state_->arena.clear();
  state_->walker.read(process);
}

std::size_t Commands::size() const {
  return state_->table.size();
}

std::span<const std::string_view> Commands::values(std::size_t command, Field field) const {
  return state_->table.values(command, field);
}

std::string_view Commands::value(std::size_t command, Field field) const {
  return state_->table.value(command, field);
}

void Commands::add(std::size_t command, Field field, std::string_view text) {
  state_->table.add_new(command, field, state_->arena.keep(text));
}

bool Commands::cut() const {
  return state_->walker.cut();
}

}  // namespace shell
