#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

// What a process start really runs: the program behind sudo and nohup, each stage of each pipeline
// of a shell's one-liner, what stands in substitutions and in encoded text. Nothing is run or
// looked up: what follows from the text alone.
namespace shell {

// What is known of a command. A field holds one text or a list of them; see fields().
enum class Field : std::uint8_t {
  Program,
  ProgramPath,
  CommandLine,
  RawCommandLine,
  Image,
  Argument,
  Option,
  OptionValue,
  Operand,
  OperandPath,
  Wrapper,
  WrapperLine,
  Origin,
  PipedFrom,
  PipedTo,
  PipeIndex,
  Next,
  Previous,
  Loop,
  LoopOver,
  Writes,
  Appends,
  Reads,
  Url,
  UrlHost,
  DownloadsTo,
  Runs,
  RunsDownload,
  RunsEarlierDownload,
  Interpreter,
  Script,
  ScriptExtension,
  InlineCode,
  Decoded,
  Address,
  AddressScope,
  User,
  UserId,
  ParentImage,
  ParentName,
  ParentCommandLine,
  Ancestor,
  Terminal,
  CurrentDirectory,
  Assignment,
  Chained,
};
inline constexpr std::size_t kFields = static_cast<std::size_t>(Field::Chained) + 1;

enum class Count : std::uint8_t { One, List };
struct FieldInfo {
  std::string_view name;  // as in rules: OperandPath
  Count count;            // One: at most one value
  std::string_view summary;
};
// By Field.
std::span<const FieldInfo> fields();
const FieldInfo& info(Field field);
// Exactly as written; nullopt: there is none of that name.
std::optional<Field> find_field(std::string_view name);

// One start of a process. Texts are borrowed for the call; what is not known is empty.
struct Process {
  std::string_view executable;
  std::string_view command_line;
  // The arguments, exactly, as a JSON array of text. Without it they are guessed from
  // `command_line`, which does not tell "a b" from "a" "b": all that follows `-c` is its text.
  std::string_view argv_json;
  std::string_view current_directory;
  std::string_view user;
  std::string_view user_id;
  std::string_view parent_executable;
  std::string_view parent_command_line;
  std::string_view terminal;
  // Names of the programs above it, nearest first.
  std::span<const std::string_view> ancestors;
};

// Most commands that are told of one process, and most text that is read for them. What is beyond
// is left out, and cut() says so.
inline constexpr std::size_t kMaxCommands = 256;
inline constexpr std::size_t kMaxText = 256UL << 10U;
// Most shells, substitutions and encodings within each other.
inline constexpr std::size_t kMaxDepth = 8;

// The commands of one process at a time; keeps its buffers from one to the next. The first command
// is the process itself without its wrappers.
// Threads: pure, one at a time.
class Commands {
 public:
  Commands();
  ~Commands();
  Commands(Commands&&) noexcept;
  Commands& operator=(Commands&&) noexcept;

  // Replaces what was read before.
  void read(const Process& process);

  std::size_t size() const;
  // `command` is below size(). Views are valid until the next read(), as long as the texts that it
  // was given. Empty: the command has none.
  std::span<const std::string_view> values(std::size_t command, Field field) const;
  // The first of them, empty when there is none.
  std::string_view value(std::size_t command, Field field) const;
  // Adds what only the caller can know, such as RunsEarlierDownload. The text is copied.
  void add(std::size_t command, Field field, std::string_view text);
  // A limit was reached: there was more.
  bool cut() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shell
