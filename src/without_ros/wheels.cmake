# Included at the end of project() when interfaces are built on top of ROS's wheels from PyPI (CMAKE_PROJECT_INCLUDE):
# by pip for all interface packages, by colcon only where ROS itself comes from the wheels.

# The Python that has the wheels is the one that pip or the caller runs; its prefix is the ament prefix.
if(PYTHON_EXECUTABLE)
  set(Python3_EXECUTABLE "${PYTHON_EXECUTABLE}")
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)
execute_process(
  COMMAND "${Python3_EXECUTABLE}" -c "import pathlib, rosidl_adapter; print(pathlib.Path(rosidl_adapter.__file__).parents[4])"
  OUTPUT_VARIABLE wheels_prefix OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
list(PREPEND CMAKE_PREFIX_PATH "${wheels_prefix}")
if(NOT "$ENV{AMENT_PREFIX_PATH}" MATCHES "${wheels_prefix}")
  set(ENV{AMENT_PREFIX_PATH} "${wheels_prefix}:$ENV{AMENT_PREFIX_PATH}")
endif()

# The wheels' Python targets name header folders of the machine that built them; drop those that are not here.
function(drop_foreign_include_directories)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(directories MATCHES "/opt/python/")
      list(FILTER directories EXCLUDE REGEX "^/opt/python/")
      set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${directories}")
    endif()
  endforeach()
endfunction()
cmake_language(DEFER CALL drop_foreign_include_directories)

# Nothing of ours is written in C++: leave its message code out, which is more than half of the work.
find_package(rosidl_default_generators REQUIRED)
list(FILTER AMENT_EXTENSIONS_rosidl_generate_idl_interfaces EXCLUDE REGEX "_cpp:")
