#include <algorithm>
#include <array>

#include "shell/commands.h"

namespace shell {
namespace {

constexpr std::array<FieldInfo, kFields> kInfos = {{
    {"Program", Count::One, "Name of the program, without its folder."},
    {"ProgramPath", Count::One,
     "The program as it was called; the executable where that has no folder."},
    {"CommandLine", Count::One, "Program and arguments, quotes removed."},
    {"RawCommandLine", Count::One, "The command line of the whole process, as the event has it."},
    {"Image", Count::One, "The executable of the process."},
    {"Argument", Count::List, "Every argument."},
    {"Option", Count::List, "Options without their values; `-rf` is `-r`, `-f` and `-rf`."},
    {"OptionValue", Count::List,
     "Options with their values: `--name=value`, `-u=0` for `-u 0` and `-u0`. Where a program's "
     "options are not known, the word after each."},
    {"Operand", Count::List, "Arguments that are no options and, where known, no values of them."},
    {"OperandPath", Count::List, "Operands that are paths, made absolute and normal."},
    {"Wrapper", Count::List,
     "Programs that only start this one, outermost first: sudo, nohup, xargs."},
    {"WrapperLine", Count::One, "These with their arguments."},
    {"Origin", Count::One,
     "Where it stood: `exec`, `script` (what an interpreter runs), `shell`, `substitution`, `code` "
     "(within another language) or `decoded`."},
    {"PipedFrom", Count::One, "Program of the stage before it in the pipeline."},
    {"PipedTo", Count::One, "Program of the stage after it."},
    {"PipeIndex", Count::One, "Its place in the pipeline, from 0."},
    {"Next", Count::List, "Programs after it in the same text."},
    {"Previous", Count::List, "Programs before it in the same text."},
    {"Loop", Count::List,
     "What repeats it: `for`, `while`, `until`, `select`, `xargs`, `find`, `parallel`."},
    {"LoopOver", Count::List, "What these go through: words and paths."},
    {"Writes", Count::List,
     "Files that it writes: redirections, and where tee, dd, cp, mv, install, ln, sed -i, "
     "downloaders and the like write to."},
    {"Appends", Count::List, "Those of these that it only adds to: `>>`, `tee -a`."},
    {"Reads", Count::List, "Files that it reads by redirection, or sends: `@file`, `if=`."},
    {"Url", Count::List,
     "Addresses in its arguments that have a scheme, or that a downloader takes as such."},
    {"UrlHost", Count::List, "Their hosts: lower case, punycode, without user and port."},
    {"DownloadsTo", Count::List, "Files that it downloads to."},
    {"Runs", Count::List, "Files that it runs: program, script, what a shell reads."},
    {"RunsDownload", Count::List,
     "What was downloaded by the same line and is run by this command: the address."},
    {"RunsEarlierDownload", Count::List,
     "The same of an earlier process of the device, ten minutes at most."},
    {"Interpreter", Count::One,
     "Language of the interpreter: `sh` for every shell, `python`, `perl`, `php`."},
    {"Script", Count::One, "The script that it was given."},
    {"ScriptExtension", Count::One, "Its extension, lower case, without the dot."},
    {"InlineCode", Count::One, "Code in the arguments of an interpreter other than a shell."},
    {"Decoded", Count::List, "Text that stood encoded in it: base64, base32, hexadecimal."},
    {"Address", Count::List, "Hosts and IP addresses in the arguments."},
    {"AddressScope", Count::List,
     "What these are: `public`, `private`, `loopback`, `linklocal`, `any`, `multicast` or `name`."},
    {"User", Count::One, "Account that it runs as."},
    {"UserId", Count::One, "Number of that account."},
    {"ParentImage", Count::One, "Executable of the parent process."},
    {"ParentName", Count::One, "Its name, without the folder."},
    {"ParentCommandLine", Count::One, "Its command line."},
    {"Ancestor", Count::List, "Names of the programs above it, nearest first."},
    {"Terminal", Count::One, "Its terminal."},
    {"CurrentDirectory", Count::One,
     "Its current folder, where known: of the process, or by `cd` before it."},
    {"Assignment", Count::List, "Variables set for it or by it: `NAME=value`."},
    {"Chained", Count::One, "How many commands the process runs, as far as is told."},
}};

}  // namespace

std::span<const FieldInfo> fields() {
  return kInfos;
}

const FieldInfo& info(Field field) {
  return kInfos[static_cast<std::size_t>(field)];
}

std::optional<Field> find_field(std::string_view name) {
  const auto found = std::ranges::find(kInfos, name, &FieldInfo::name);
  if (found == kInfos.end()) return std::nullopt;
  return static_cast<Field>(found - kInfos.begin());
}

}  // namespace shell
