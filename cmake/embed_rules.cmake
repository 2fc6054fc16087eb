# cmake -DOUT=builtin_rules.cc -P embed_rules.cmake FILE...: the rules as C++ string literals.
set(entries "")
set(first FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE 0 ${last})
  if(NOT first)
    if("${CMAKE_ARGV${i}}" STREQUAL "-P")
      math(EXPR script "${i} + 1")
    elseif(DEFINED script AND i EQUAL script)
      set(first TRUE)
    endif()
    continue()
  endif()
  file(READ "${CMAKE_ARGV${i}}" text)
  if(text MATCHES "\\)vedette_rule\"")
    message(FATAL_ERROR "${CMAKE_ARGV${i}} contains the end of our raw string literal")
  endif()
  get_filename_component(name "${CMAKE_ARGV${i}}" NAME)
  string(APPEND entries "      {\"${name}\", R\"vedette_rule(${text})vedette_rule\"},\n")
endforeach()
file(WRITE ${OUT}.new "// Generated from content/detections by cmake/embed_rules.cmake; do not edit.
#include \"detect/stream.h\"

namespace detect {

std::vector<BuiltinRule> builtin_rules() {
  return {
${entries}  };
}

}  // namespace detect
")
file(RENAME ${OUT}.new ${OUT})
