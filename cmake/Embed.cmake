# Text files of content/ as part of a program.
#
#   vedette_embed(sources content/queries/*.kql HEADER hub/saved_queries/saved_queries.h
#                 NAMESPACE hub::saved_queries TYPE BuiltinFile FUNCTION builtin_files)
#
# sets `sources` to a file that is made at build time and defines, as HEADER declares it,
#   std::span<const TYPE> FUNCTION();
# where a TYPE is made of two string literals: the file's name without its folder, and its text.

set(VEDETTE_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/embed_texts.cmake)

function(vedette_embed out pattern)
  cmake_parse_arguments(E "" "HEADER;NAMESPACE;TYPE;FUNCTION" "" ${ARGN})
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${pattern})
  string(REPLACE "::" "/" folder ${E_NAMESPACE})
  set(source ${CMAKE_BINARY_DIR}/generated/${folder}/${E_FUNCTION}.cc)
  get_filename_component(parent ${source} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  add_custom_command(
    OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DOUT=${source} -DHEADER=${E_HEADER} -DNAMESPACE=${E_NAMESPACE}
            -DTYPE=${E_TYPE} -DFUNCTION=${E_FUNCTION} -P ${VEDETTE_EMBED_SCRIPT} ${files}
    DEPENDS ${files} ${VEDETTE_EMBED_SCRIPT}
    COMMENT "Embedding ${pattern}" VERBATIM)
  set(${out} ${source} PARENT_SCOPE)
endfunction()
