#pragma once

#include <string_view>

#include "shell/arena.h"

namespace shell {

// The last part of a path; the whole where it has no folder. "/bin/" has none: "".
std::string_view base_name(std::string_view path);
// What is before the last slash; "" where there is none, "/" for the root.
std::string_view folder_of(std::string_view path);
// The extension of the last part, without the dot and without blanks around; "" where it has none
// or begins with its only dot.
std::string_view extension_of(std::string_view path);

// The folder of that account by custom: /root, /home/NAME. Empty: it is not known.
std::string_view home_of(std::string_view user, Arena& arena);

// Where a path is told from.
struct Place {
  std::string_view folder;  // absolute; empty: not known
  std::string_view home;    // empty: not known
};
// An absolute path without `.`, `..`, and doubled or final slashes; `~` is the home. Relative to an
// unknown folder it stays relative. A view of `path` or into the arena.
std::string_view resolve(std::string_view path, const Place& place, Arena& arena);
// `name` in `folder`.
std::string_view join(std::string_view folder, std::string_view name, Arena& arena);

// What looks like a path and not like an address or a number: has a slash, or begins with a dot or
// a tilde.
bool looks_like_path(std::string_view word);
// Folders that are there on every Linux system, absolute and normal.
bool is_usual_folder(std::string_view path);

}  // namespace shell
