/* where.exe for wine, whose own finds nothing: `where PROGRAM`. poetry-core searches git with it. */
#include <stdio.h>
#include <windows.h>

int wmain(int count, wchar_t **arguments) {
    wchar_t path[MAX_PATH];
    if (count != 2 || !SearchPathW(NULL, arguments[1], L".exe", MAX_PATH, path, NULL))
        return 1;
    wprintf(L"%ls\n", path);
    return 0;
}
